package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
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

	noToken bool   // a dry run asks nobody
	advice  string // what a refused token may be instead
}

func (a *access) flags(c *cobra.Command, io *stdio) {
	api := io.getenv("SPIRE_API")
	if api == "" {
		api = tasking.DefaultAPI
	}
	section(c, "The API", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.api, "api", api, "`URL` of the Tasking API (or SPIRE_API)")
		fs.StringVar(&a.tokenFile, "token-file", "", "read the token from this `FILE` instead of the command line")
		fs.DurationVar(&a.patience, "patience", 2*time.Minute, "how long one call is tried while the API is down or busy")
		fs.DurationVar(&a.lag, "listing-lag", 15*time.Second, "how far the API's listings may be behind: what was lost is looked for so long, and what seems to be alone looked at again")
		fs.IntVar(&a.atOnce, "at-once", 8, "satellites worked on at the same time")
	})
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&a.json, "json", false, "print the result as JSON")
	})
}

// token takes the token off the arguments, and the rest are satellites.
func (a *access) token(args []string, io *stdio) (token string, rest []string, err error) {
	switch {
	case a.noToken:
		return "", ids(a.withoutToken(args)), checkIDs(a.withoutToken(args))
	case a.tokenFile != "":
		b, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return "", nil, fmt.Errorf("cannot read the token: %w", err)
		}
		token, rest = string(bytes.TrimSpace(b)), args
		if token == "" {
			return "", nil, wrong("--token-file: %s is empty; put the token into it", a.tokenFile)
		}
		if len(rest) > 0 && (rest[0] == "-" || rest[0] == token) { // given twice, and agreeing
			rest = rest[1:]
		}
	case len(args) == 0 || args[0] == "-":
		token = strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN"))
		if token == "" && len(args) == 0 {
			return "", nil, wrong("the token is missing; give it as the first argument, in SPIRE_AUTH_TOKEN, or with --token-file FILE")
		} else if token == "" {
			return "", nil, wrong("the token \"-\" means SPIRE_AUTH_TOKEN, which is not set; set it, or use --token-file FILE")
		}
		rest = args[min(1, len(args)):]
	default:
		token, rest = args[0], args[1:]
		if a.advice = "the first argument was taken for the token"; strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")) != "" {
			a.advice += "; \"-\" in its place stands for SPIRE_AUTH_TOKEN, which is set"
		} else {
			a.advice += "; \"-\" in its place stands for SPIRE_AUTH_TOKEN"
		}
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return "", nil, wrong("the token has a character that no token has (a space or line break?); copy it again")
		}
	}
	if token == "" {
		return "", nil, wrong("the token is empty; give it as the first argument, in SPIRE_AUTH_TOKEN, or with --token-file FILE")
	}
	return token, ids(rest), checkIDs(rest)
}

// documented is the form of the satellites' ids that docs/platform.md shows.
var documented = regexp.MustCompile(`^[A-Z]{1,4}[0-9]{1,4}$`)

// withoutToken are the satellites of a dry run, which needs no token but may
// have one in its usual place.
func (a *access) withoutToken(args []string) []string {
	if len(args) > 0 && (args[0] == "-" || len(args) > 1 && a.tokenFile == "" && !documented.MatchString(args[0])) {
		return args[1:]
	}
	return args
}

// ids are the satellites, each once.
func ids(args []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range args {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

func checkIDs(args []string) error {
	for i, s := range args {
		if !satelliteID(s) {
			// It may be the token, with the arguments in the wrong order.
			return wrong("argument %d after the token does not look like a satellite's id (such as FM1); the order is AUTH_TOKEN SAT_ID...", i+1)
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

// open makes the way to the satellites, and makes the streams of io safe: the
// token is taken out of everything that is printed from here on.
func (a *access) open(token string, io *stdio) (*deploy.Ground, error) {
	u, err := url.Parse(a.api)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, wrong("--api: not the address of a server; give it as https://HOST, without /tasking")
	}
	if a.patience <= 0 || a.atOnce < 1 || a.lag <= 0 {
		return nil, wrong("--patience, --listing-lag and --at-once must be above zero")
	}
	if token != "" {
		io.out, io.err = &redactingWriter{w: io.out, token: token}, &redactingWriter{w: io.err, token: token}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); token != "" && u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		fmt.Fprintf(io.err, "warning: the token travels unencrypted to %s; use https\n", u.Host)
	}
	say := io.err
	client := &tasking.Client{
		API: strings.TrimSuffix(strings.TrimRight(a.api, "/"), "/tasking"), Token: token, Patience: a.patience, Lag: a.lag,
		Notice: func(text string) { fmt.Fprintln(say, "warning:", text) },
		OnRetry: func(err *tasking.Error, wait time.Duration) {
			fmt.Fprintf(say, "%s; trying again in %.1f s\n", err.Brief(), wait.Seconds())
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
