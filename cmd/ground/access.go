package main

import (
	"fmt"
	"net/netip"
	"net/url"
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
