// Package sdrserve is the sdr-serve program: flags to pkg/flight/serve, events to the log.
package sdrserve

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/serve"
	"payload-ipc/pkg/flight/sock"
	"payload-ipc/pkg/flight/window"
)

const name = "sdr-serve"

// Run is the program (docs/contract.md, "sdr-serve").
func Run(ctx context.Context, args []string, std agent.Stdio) int {
	return share(ctx, args, std, "")
}

// RunBoth is Run where the program is the fetcher's too: a hand-over takes it
// from here before it can sign anything, and checks it by its hash.
func RunBoth(ctx context.Context, args []string, std agent.Stdio) int {
	return share(ctx, args, std, "/proc/self/exe")
}

func share(ctx context.Context, args []string, std agent.Stdio, open string) int {
	s := serve.Server{
		Name:     name + "/" + agent.Version,
		Open:     open,
		Root:     "/",
		MaxConns: 64,
		Drain:    2 * time.Second,
		Allow: []netip.Prefix{
			netip.MustParsePrefix("10.2.1.0/24"),
			netip.MustParsePrefix("127.0.0.0/8"),
			netip.MustParsePrefix("::1/128"),
		},
	}
	listen := "0.0.0.0:10101"
	c := agent.NewCommand(name, "[--listen ADDR] [--root DIR] [--until T] [--for D] [--allow CIDR]...")
	c.Flags.StringVar(&listen, "listen", listen, "address and port to listen on")
	c.Flags.StringVar(&s.Root, "root", s.Root, "directory to share")
	c.Flags.DurationVar(&s.Drain, "drain", s.Drain, "before power may go, take no new connections for so long")
	c.Flags.Var(&prefixes{list: &s.Allow}, "allow", "who may connect; each use adds one, the first replaces the default")
	c.Flags.IntVar(&s.MaxConns, "max-conns", s.MaxConns, "connections served at a time")
	var addr netip.AddrPort
	code, done := c.Parse(args, std, func() (err error) {
		if addr, err = agent.ParseAddr(listen); err != nil {
			return errors.New("--listen: " + err.Error())
		}
		return check(c.Flags.Args(), s)
	})
	if done {
		return code
	}

	w, log := c.Start(ctx, std, closing)
	defer w.Close()
	s.Window, s.Key = w, c.Key
	s.Drain = max(s.Drain-window.Margin-closing, 0) // --drain, too, counts from where power may go
	exit := make(chan int, 1)
	go func() {
		code := work(ctx, s, addr, log)
		log.Close(log.Closing() + window.Margin/2)
		exit <- code
	}()
	end, cancel := w.Context(ctx, 0)
	defer cancel()
	select {
	case code = <-exit:
		return code
	case <-end.Done():
	}
	// Nor may a log that takes nothing keep the program. One that is late is
	// worth half of what is left before power may go.
	t := time.NewTimer(log.Closing() + window.Margin/2)
	defer t.Stop()
	select {
	case code = <-exit:
		return code
	case <-t.C:
		return agent.ExitOK
	}
}

// closing is the time from the last byte served to the end of the program:
// connections are reset, the last line is written and synced. A slower disk
// gets more (agent.Log.Closing).
const closing = 300 * time.Millisecond

// work serves until the window is over.
func work(ctx context.Context, s serve.Server, addr netip.AddrPort, log *agent.Log) int {
	l := newLines(log, s.Window)
	s.Events = l.event

	if _, err := os.Stat(s.Root + "/."); err != nil {
		log.Error().Str("root", agent.Safe(s.Root)).Int("exit", agent.ExitFailure).
			Msg("cannot enter the directory to share: " + agent.Safe(err.Error()) + "; give --root one that this user may enter")
		return agent.ExitFailure
	}
	// A quarter less memory at 64 connections for the same requests a second
	// (docs/evidence.md). Nobody sets GOGC aboard.
	debug.SetGCPercent(50)

	ln, err := sock.Listen(addr)
	if err != nil {
		log.Error().Str("listen", addr.String()).Int("exit", agent.ExitFailure).
			Msg("cannot listen: " + err.Error() + "; give --listen an address of this computer and a port that is free")
		return agent.ExitFailure
	}
	log.Info().Str("listen", ln.Addr().String()).Str("root", s.Root).
		Str("version", agent.Version).Str("commit", agent.Commit).
		Bool("clock_set", s.Window.Set()).Msg("serving")
	sum, err := s.Serve(ctx, ln)
	e := log.Info()
	code := agent.ExitOK
	if err != nil {
		code = agent.ExitFailure
		e = log.Error().Str("error", err.Error())
	}
	e.Int64("requests", sum.Requests).Int64("bytes", sum.Bytes).Int("clients", sum.Clients).
		Int64("refused", sum.Refused).Int64("cut", sum.Cut).
		Int64("omitted", l.left()).Int("exit", code).Msg("done")
	return code
}

// check is what no single flag can tell.
func check(rest []string, s serve.Server) error {
	switch {
	case len(rest) > 0:
		return errors.New("takes no arguments, got " + agent.Safe(rest[0]))
	case s.MaxConns < 1 || s.MaxConns > 10000:
		return errors.New("--max-conns: want 1 to 10000")
	case s.Drain < 0:
		return errors.New("--drain: want a duration, 0 or above")
	}
	if fi, err := os.Stat(s.Root); err != nil || !fi.IsDir() {
		return errors.New("--root: " + agent.Safe(s.Root) + " is not a directory")
	}
	return nil
}

// prefixes is a flag value: address ranges. The first one given takes the
// place of the default, the others are added.
type prefixes struct {
	list  *[]netip.Prefix
	given bool
}

// Set implements pflag.Value.
func (p *prefixes) Set(s string) error {
	q, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return errors.New("want an address or a range like 10.2.1.0/24")
		}
		q = netip.PrefixFrom(a, a.BitLen())
	}
	if !p.given {
		*p.list, p.given = nil, true
	}
	*p.list = append(*p.list, q.Masked())
	return nil
}

func (p *prefixes) String() string {
	s := ""
	for i, q := range *p.list {
		if i > 0 {
			s += ","
		}
		s += q.String()
	}
	return s
}

// Type implements pflag.Value.
func (p *prefixes) Type() string { return "CIDR" }
