package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"
	"github.com/vbauerster/mpb/v8/cwriter"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/tasking"
)

// access is how a verb reaches the API: the flags that all have.
type access struct {
	api       string
	tokenFile string
	json      bool
	patience  time.Duration
	atOnce    int
}

func (a *access) flags(fs *pflag.FlagSet, io stdio) {
	api := io.getenv("SPIRE_API")
	if api == "" {
		api = tasking.DefaultAPI
	}
	fs.StringVar(&a.api, "api", api, "address of the Tasking API (or SPIRE_API)")
	fs.StringVar(&a.tokenFile, "token-file", "", "read the token from this file instead of the command line")
	fs.BoolVar(&a.json, "json", false, "print the result as JSON")
	fs.DurationVar(&a.patience, "patience", 2*time.Minute, "how long one call is tried while the API is down or busy")
	fs.IntVar(&a.atOnce, "at-once", 8, "satellites worked on at the same time")
}

// token takes the token off the arguments, and the rest are satellites.
func (a *access) token(args []string, io stdio) (token string, rest []string, err error) {
	switch {
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
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return "", nil, wrong("the token has a character that no token has (a space or line break?); copy it again")
		}
	}
	if token == "" {
		return "", nil, wrong("the token is empty; give it as the first argument, in SPIRE_AUTH_TOKEN, or with --token-file FILE")
	}
	seen := map[string]bool{}
	var sats []string
	for i, s := range rest {
		if !satelliteID(s) {
			// It may be the token, with the arguments in the wrong order.
			return "", nil, wrong("argument %d after the token does not look like a satellite's id (such as FM1); the order is AUTH_TOKEN SAT_ID...", i+1)
		}
		if !seen[s] {
			sats = append(sats, s)
		}
		seen[s] = true
	}
	return token, sats, nil
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
	if a.patience <= 0 || a.atOnce < 1 {
		return nil, wrong("--patience and --at-once must be above zero")
	}
	io.out, io.err = &discreet{w: io.out, token: token}, &discreet{w: io.err, token: token}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		fmt.Fprintf(io.err, "warning: the token travels unencrypted to %s; use https\n", u.Host)
	}
	say := io.err
	client := &tasking.Client{
		API: strings.TrimSuffix(strings.TrimRight(a.api, "/"), "/tasking"), Token: token, Patience: a.patience,
		OnRetry: func(err *tasking.Error, wait time.Duration) {
			fmt.Fprintf(say, "%s; trying again in %.1f s\n", err.Brief(), wait.Seconds())
		},
	}
	if io.tune != nil {
		io.tune(client)
	}
	return &deploy.Ground{API: client, AtOnce: a.atOnce, Hold: io.hold, Command: func(verb, args string) string { return a.again(*io, verb, args) }}, nil
}

// again is a command for the user to give next: with the same API and the same
// way to the token, but never with the token itself.
func (a *access) again(io stdio, verb, args string) string {
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

// discreet takes the token out of what is printed, the last of several barriers.
type discreet struct {
	mu    sync.Mutex
	w     io.Writer
	token string
}

func (d *discreet) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := io.WriteString(d.w, tasking.Hide(string(p), d.token)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// bare is the terminal behind w, which mpb must see to draw on it, and what
// hides the token in the texts that go there.
func bare(w io.Writer) (out io.Writer, hide func(string) string) {
	if d, ok := w.(*discreet); ok {
		return d.w, func(s string) string { return tasking.Hide(s, d.token) }
	}
	return w, func(s string) string { return s }
}

// terminal reports whether w is one, also behind discreet.
func terminal(w any) bool {
	if o, ok := w.(io.Writer); ok {
		w, _ = bare(o)
	}
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// drawable reports whether bars can be drawn on w: a terminal that knows its
// size. Without one, as under script(1) in a pipe, mpb draws nothing at all.
func drawable(w any) bool {
	if o, ok := w.(io.Writer); ok {
		w, _ = bare(o)
	}
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return false
	}
	width, height, err := cwriter.GetSize(int(f.Fd()))
	return err == nil && width > 0 && height > 0
}

// confirm asks on a terminal; in a pipe nobody is there to be asked.
func confirm(ctx context.Context, io stdio, question string) bool {
	if !terminal(io.in) || !terminal(io.err) {
		return true
	}
	fmt.Fprintf(io.err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // ends with the process: a terminal's read cannot be called back
		var s string
		fmt.Fscanln(io.in, &s)
		answer <- s
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(io.err)
		return false
	case s := <-answer:
		return strings.EqualFold(s, "y") || strings.EqualFold(s, "yes")
	}
}

func version() string {
	commit := "unknown"
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, s := range bi.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return fmt.Sprintf("ground %s %s/%s", commit, runtime.GOOS, runtime.GOARCH)
}
