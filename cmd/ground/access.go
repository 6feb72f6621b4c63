package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/tasking"
)

// access is how a verb reaches the API: the flags that all have.
type access struct {
	api       string
	tokenFile string
	json      bool
	patience  time.Duration
	lag       time.Duration
	atOnce    int

	satellites []string // where none is an argument

	noToken bool   // a dry run asks nobody
	advice  string // what a refused token may be instead
}

func (a *access) flags(c *cobra.Command, io *stdio) {
	section(c, "The API", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.api, "api", defaultAPI(io), "`URL` of the Tasking API (or SPIRE_API)")
		fs.StringVar(&a.tokenFile, "token-file", "", "read the token from this `FILE`; without, AUTH_TOKEN left out or - is that of SPIRE_AUTH_TOKEN")
		fs.DurationVar(&a.patience, "patience", 2*time.Minute, "how long one call is tried while the API is down or busy")
		fs.DurationVar(&a.lag, "listing-lag", 15*time.Second, "how far the API's listings may be behind: what was lost is looked for so long, and what seems to be alone looked at again")
		fs.IntVar(&a.atOnce, "at-once", 8, "satellites worked on at the same time")
	})
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&a.json, "json", false, "print the result as JSON")
	})
	withSettings(c, io)
	c.ValidArgsFunction = completeSatellites(io)
}

func defaultAPI(io *stdio) string {
	if api := io.getenv("SPIRE_API"); api != "" {
		return api
	}
	return tasking.DefaultAPI
}

// satelliteSetting lets the user's files name the satellites that are meant
// where none is an argument.
func (a *access) satelliteSetting(c *cobra.Command) {
	hiddenSetting(c, func(fs *pflag.FlagSet) {
		fs.StringSliceVar(&a.satellites, "satellites", nil, "`SAT_ID` where none is given")
	})
}

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

// check refuses what no way to the satellites can be made of.
func (a *access) check() error {
	u, err := url.Parse(a.api)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return wrong("--api: not the address of a server; give it as https://HOST, without /tasking")
	}
	for _, x := range []struct {
		flag string
		ok   bool
	}{{"patience", a.patience > 0}, {"listing-lag", a.lag > 0}, {"at-once", a.atOnce >= 1}} {
		if !x.ok {
			return wrong("--%s: must be above zero", x.flag)
		}
	}
	return a.checkSatellites()
}

// checkSatellites refuses those of a file that are no satellites.
func (a *access) checkSatellites() error {
	for _, s := range a.satellites {
		if !satelliteID(s) {
			return wrong("--satellites: %q does not look like a satellite's id (such as FM1)", s)
		}
	}
	return nil
}

// open makes the way to the satellites, and makes the streams of io safe: the
// token is taken out of everything that is printed from here on.
func (a *access) open(token string, io *stdio) (*deploy.Ground, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	u, err := url.Parse(a.api)
	if err != nil {
		return nil, err
	}
	if token != "" {
		io.hide(token)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); token != "" && u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		line(io.err, "warning: the token travels unencrypted to %s; use https", u.Host)
	}
	say := io.err
	client := &tasking.Client{
		API: strings.TrimSuffix(strings.TrimRight(a.api, "/"), "/tasking"), Token: token, Patience: a.patience, Lag: a.lag,
		Notice: func(text string) { line(say, "warning: %s", text) },
		OnRetry: func(err *tasking.Error, wait time.Duration) {
			line(say, "%s; trying again in %.1f s", err.Brief(), wait.Seconds())
		},
	}
	if io.tune != nil {
		io.tune(client)
	}
	return &deploy.Ground{API: client, AtOnce: a.atOnce, Hold: io.hold, Command: func(verb, args string) string { return a.again(io, verb, args) }}, nil
}

// refused adds to an error that is a refused token what was taken for one.
func (a *access) refused(err error) error {
	if tasking.StatusOf(err) == 401 && a.advice != "" {
		return fmt.Errorf("%w; %s", err, a.advice)
	}
	return err
}

// again is a command for the user to give next: with the same API and the same
// way to the token, but never with the token itself.
func (a *access) again(io *stdio, verb, args string) string {
	words := []string{quote(io.self), verb}
	if a.api != tasking.DefaultAPI {
		words = append(words, "--api", quote(a.api))
	}
	words = append(words, args)
	if a.tokenFile != "" {
		return strings.Join(append(words[:len(words)-1], "--token-file", quote(a.tokenFile), args), " ")
	}
	if strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")) == "" {
		words[0] = "SPIRE_AUTH_TOKEN=... " + words[0]
	}
	return strings.Join(append(words[:len(words)-1], "-", args), " ")
}

// quote makes s one word for a shell.
func quote(s string) string {
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,", r) {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	return s
}
