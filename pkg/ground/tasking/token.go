package tasking

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
)

// hide removes the token from text that came from elsewhere, in the spellings
// that an echoing server may have used.
func (c *Client) hide(s string) string {
	return HideKeys(Hide(s, c.Token))
}

// HiddenKey stands for the value of --key wherever it is seen.
const HiddenKey = "***"

// keys finds the value of --key in text: behind white space or an equals sign,
// or as the next element of a list, also where it is escaped.
var keys = regexp.MustCompile(`(--key(?:[^0-9A-Za-z]|%[0-9A-Fa-f]{2}|\\u00[0-9a-f]{2}|&[a-z]+;){1,60})[0-9A-Fa-f]{64}`)

// HideKeys replaces the keys of both programs in s.
func HideKeys(s string) string { return keys.ReplaceAllString(s, "${1}"+HiddenKey) }

// Hide replaces token in s by "[token]", also where it is escaped as in a URL
// or in JSON. One so short that it may be a word, which no API gives out, is
// replaced only where it stands as in the request's header.
func Hide(s, token string) string {
	const word = 6
	for _, form := range Spellings(token) {
		if len(token) < word {
			form = "Bearer " + form
		}
		s = strings.ReplaceAll(s, form, "[token]")
	}
	return s
}

// Spellings are the ways in which a token may come back in text.
func Spellings(token string) []string {
	json := strings.NewReplacer("/", `\/`)
	unicode := strings.NewReplacer("+", `\u002b`, "/", `\u002f`)
	forms := []string{token}
	for _, f := range []string{url.QueryEscape(token), url.PathEscape(token), json.Replace(token),
		unicode.Replace(token), strings.ReplaceAll(token, "+", `\u002b`)} {
		if f != token {
			forms = append(forms, f)
		}
	}
	return forms
}

// show makes a foreign body fit for one line of a terminal: cut, without
// control characters, of a page only its title.
func (c *Client) show(data []byte) string {
	return clean(c.hide(string(bytes.ToValidUTF8(data, []byte("?")))))
}
