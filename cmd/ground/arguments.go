package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
)

// token takes the token off the arguments, and the rest are satellites.
func (a *access) token(args []string, io *stdio) (token string, sats []string, err error) {
	rest := args
	if err := a.checkCase(args, io); err != nil {
		return "", nil, err
	}
	if a.noToken {
		rest = a.withoutToken(args)
	} else if token, rest, err = a.findToken(args, io); err != nil {
		return "", nil, err
	}
	if len(rest) == 0 {
		if err := a.checkSatellites(); err != nil {
			return "", nil, err
		}
		return token, ids(a.satellites, io), nil
	}
	if err := checkIDs(rest, len(args)-len(rest)); err != nil {
		return "", nil, err
	}
	return token, ids(rest, io), nil
}

// findToken takes it from the command line, SPIRE_AUTH_TOKEN or a file, in
// this order. What has the form of a satellite's id is a satellite: it is never
// sent as a token.
func (a *access) findToken(args []string, io *stdio) (token string, rest []string, err error) {
	env := strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN"))
	_, mine := io.from["token-file"]
	switch {
	case mine && len(args) > 0 && args[0] != "-" && !a.isSatellite(args[0]): // the command line beats the file
		a.tokenFile, token, rest = "", args[0], args[1:]
		a.advice = "the first argument was taken for the token, since it does not look like a satellite's id (such as FM1); without it, the one of " + io.from["token-file"].Where() + " is used"
	case a.tokenFile != "":
		if token, err = readToken(a.tokenFile, io); err != nil {
			return "", nil, err
		}
		if rest = args; len(rest) > 0 && (rest[0] == "-" || rest[0] == token) { // given twice, and agreeing
			rest = rest[1:]
		}
	case len(args) > 0 && args[0] == "-":
		if rest, token = args[1:], env; token == "" {
			return "", nil, wrong("the token \"-\" means SPIRE_AUTH_TOKEN, which is not set; set it, or use --token-file FILE")
		}
	case len(args) == 0 || a.isSatellite(args[0]) && args[0] != env:
		if rest, token = args, env; token == "" {
			if err := checkIDs(rest, 0); err != nil { // it may be behind the satellite
				return "", nil, err
			}
			return "", nil, wrong("the token is missing; give it as the first argument, in SPIRE_AUTH_TOKEN, or with --token-file FILE")
		}
	default:
		token, rest = args[0], args[1:]
		if a.advice = "the first argument was taken for the token; \"-\" in its place stands for SPIRE_AUTH_TOKEN"; env != "" {
			a.advice += ", which is set"
		}
	}
	if token == "" {
		return "", nil, wrong("the token is empty; give it as the first argument, in SPIRE_AUTH_TOKEN, or with --token-file FILE")
	}
	return token, rest, checkToken(token)
}

// checkToken refuses what no token has.
func checkToken(token string) error {
	if strings.ContainsFunc(token, noTokens) {
		return wrong("the token has a character that no token has (a space or line break?); copy it again")
	}
	return nil
}

// noTokens reports whether no token has r.
func noTokens(r rune) bool { return r <= ' ' || r > '~' }

// readToken reads the token from a file, and warns where others can too.
func readToken(file string, io *stdio) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", wrong("--token-file: cannot read the token: %v", err)
	}
	token := string(bytes.TrimSpace(b))
	if token == "" {
		return "", wrong("--token-file: %s is empty; put the token into it", file)
	}
	if strings.ContainsFunc(token, noTokens) {
		return "", wrong("--token-file: %s has a character in the token that no token has (a space or line break?); put the token alone into it", file)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		line(io.err, "warning: every user of this computer can read the token in %s; chmod go-r %s", file, quote(file))
	}
	return token, nil
}

// isSatellite reports whether word is a satellite's id and no token.
func (a *access) isSatellite(word string) bool {
	return documented.MatchString(word) || slices.Contains(a.satellites, word)
}

// documented is the form of the satellites' ids that docs/platform.md shows.
var documented = regexp.MustCompile(`^[A-Z]{1,4}[0-9]{1,4}$`)

// misspelt is an id with a letter in lower case: FM1 is the one that
// docs/platform.md shows, and tok1 may well be a token.
var misspelt = regexp.MustCompile(`^(fm|Fm|fM)[0-9]{1,4}$`)

// checkCase refuses a satellite's id in other letters than it has: it would be
// sent as a token, or planned for as a satellite. Where it is the token, or the
// user's files call a satellite so, it is meant.
func (a *access) checkCase(args []string, io *stdio) error {
	for i, s := range args {
		if slices.Contains(a.satellites, s) || s == strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")) {
			continue
		}
		id := strings.ToUpper(s)
		if misspelt.MatchString(s) || id != s && slices.Contains(a.satellites, id) {
			return wrong("argument %d is no satellite's id, which has capital letters (did you mean %s?)", i+1, id)
		}
	}
	return nil
}

// withoutToken are the satellites of a dry run, which needs no token but may
// have one in its usual place.
func (a *access) withoutToken(args []string) []string {
	if len(args) > 0 && (args[0] == "-" || len(args) > 1 && a.tokenFile == "" && !a.isSatellite(args[0])) {
		return args[1:]
	}
	return args
}

// ids are the satellites, each once; of one that is there twice it is said.
func ids(args []string, io *stdio) (out []string) {
	for _, s := range args {
		if slices.Contains(out, s) {
			line(io.err, "note: %s is named more than once; it is taken once", s)
			continue
		}
		out = append(out, s)
	}
	return out
}

// checkIDs refuses what is no satellite's id; before is how many arguments stand
// in front.
func checkIDs(args []string, before int) error {
	for i, s := range args {
		if !satelliteID(s) {
			// It may be the token, with the arguments in the wrong order.
			return wrong("argument %d does not look like a satellite's id (such as FM1); the order is AUTH_TOKEN SAT_ID...", before+i+1)
		}
	}
	return nil
}

func satelliteID(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return false
		}
	}
	return s[0] != '-'
}
