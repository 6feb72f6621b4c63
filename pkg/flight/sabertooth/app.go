// Package sabertooth is the sabertooth-fetch program: flags to pkg/flight/fetch, events to
// the log and the terminal.
package sabertooth

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/sock"
	"payload-ipc/pkg/flight/window"
)

const name = "sabertooth-fetch"

// Run is the program (docs/contract.md, "sabertooth-fetch").
func Run(ctx context.Context, args []string, std agent.Stdio) int {
	f := fetch.Fetcher{
		Outbox: outbox.DefaultOutbox,
		Stage:  outbox.DefaultStage,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			c, err := sock.Dial(ctx, to)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
	}
	from := fetch.DefaultFrom[0].String() + "," + fetch.DefaultFrom[1].String()
	piece, tail, most, depth := agent.Size(fetch.DefaultPiece), agent.Size(0), agent.Size(fetch.DefaultMaxBytes), agent.Size(1)
	c := agent.NewCommand(name, "[PATH[=NAME]]... (default /var/log/syslog=sdr_syslog)")
	c.Flags.StringVar(&from, "from", from, "candidates, tried side by side")
	c.Flags.StringVar(&f.Outbox, "outbox", f.Outbox, "directory that is sent down")
	c.Flags.StringVar(&f.Stage, "stage", f.Stage, "directory for what is not complete; survives windows")
	c.Flags.DurationVar(&f.Reserve, "reserve", fetch.DefaultReserve, "before power may go, stop working and publish; at least 1s")
	c.Flags.Var(&piece, "piece", "bytes proven at a time, at most 8MiB")
	c.Flags.Var(&tail, "tail", "only the last bytes of each file")
	c.Flags.Var(&most, "max-bytes", "publish no more in one run")
	c.Flags.Var(&depth, "depth", "of a directory, list so many levels of directories, itself included")
	c.Flags.BoolVar(&f.NoSalvage, "no-salvage", false, "do not publish incomplete files")
	c.Flags.StringVar(&f.RunID, "run", "", "name of this run in the receipts")
	code, done := c.Parse(args, std, func() (err error) {
		f.Piece, f.Tail, f.MaxBytes, f.Depth = int64(piece), int64(tail), int64(most), int(depth)
		if f.From, err = candidates(from); err != nil {
			return errors.New("--from: " + err.Error())
		}
		if f.Paths, err = ParsePaths(c.Flags.Args()); err != nil {
			return err
		}
		if err = check(&f); err != nil {
			return err
		}
		if f.Key = c.Key; f.Key != nil {
			f.Stage += signedStage
		}
		return nil
	})
	if done {
		return code
	}

	w, log := c.Start(ctx, std, 0)
	defer w.Close()
	f.Window = w
	// --reserve counts from where power may go. Whatever it is, publishing has
	// half a second before the program must be gone.
	f.Reserve = max(f.Reserve-window.Margin, window.Margin)
	f.Grace = window.Margin / 2
	f.Reserved = []string{name + ".log"}
	l := newLines(log, w, std.Err)
	f.Events = l.event
	log.Info().Str("from", from).Int("paths", len(f.Paths)).Str("run", agent.Safe(f.RunID)).
		Str("version", agent.Version).Str("commit", agent.Commit).Bool("clock_set", w.Set()).Msg("fetching")
	r := f.Run(ctx)
	last := time.Second
	if ctx.Err() == nil && w.Ends() {
		last = max(w.Remaining()-closing, window.Margin/5) // a word even where there is no time
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		l.clear()
		e := log.Info()
		if r.Exit == fetch.Local {
			e = log.Error()
		} else if r.Exit != fetch.Complete {
			e = log.Warn()
		}
		e.Int("files", r.Files).Int("parts", r.Parts).Int("failed", r.Failed).Int64("bytes", r.Bytes).
			Int64("received", r.Received).Int64("attempts", r.Attempts).
			Str("reason", agent.Safe(r.Reason)).Int("exit", r.Exit).Msg("done")
		log.Close(last + window.Margin/2)
	}()
	// A disk that holds up the log does not keep the program beyond its window.
	t := time.NewTimer(last)
	defer t.Stop()
	select {
	case <-told:
	case <-t.C:
	}
	return r.Exit
}

// signedStage is where in the stage a run with a key has what is not complete:
// what came without one may be anybody's.
const signedStage = "/signed"

// closing is what the end of the process takes.
const closing = 10 * time.Millisecond

func candidates(s string) (list []netip.AddrPort, err error) {
	for _, v := range strings.Split(s, ",") {
		a, err := agent.ParseAddr(strings.TrimSpace(v))
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if a == b {
				return nil, errors.New(v + " is there twice")
			}
		}
		list = append(list, a)
	}
	if len(list) > 16 {
		return nil, errors.New("want at most 16 addresses")
	}
	return list, nil
}

// ParsePath reads PATH[=NAME], of which Name is empty where none is given. The
// last equals sign is the one: a path that has one of its own is given with a
// NAME. The ground reads with it what it is going to send.
func ParsePath(arg string) (fetch.Path, error) {
	p := fetch.Path{Path: arg}
	i, slash := strings.LastIndexByte(arg, '='), strings.LastIndexByte(arg, '/')
	switch {
	case i < 0:
	case i > slash && i+1 < len(arg):
		p.Path, p.Name = arg[:i], arg[i+1:]
	default:
		return p, errors.New(agent.Safe(arg) + ": a NAME cannot have a slash, nor be empty; if the equals sign is of the path, write a NAME too: " + agent.Safe(arg) + "=NAME")
	}
	if !strings.HasPrefix(p.Path, "/") || strings.IndexByte(p.Path, 0) >= 0 || len(p.Path) > 1024 {
		return p, errors.New(agent.Safe(arg) + ": want an absolute path, like /var/log/syslog")
	}
	return p, nil
}

// ParsePaths reads all arguments, each PATH[=NAME], and gives the files among
// them a name. Without any it is the default.
func ParsePaths(args []string) ([]fetch.Path, error) {
	if len(args) == 0 {
		return fetch.DefaultPaths, nil
	}
	var list []fetch.Path
	var names []string
	for _, a := range args {
		p, err := ParsePath(a)
		if err != nil {
			return nil, err
		}
		if p.Name == "" && !strings.HasSuffix(p.Path, "/") {
			p.Name = path.Base(p.Path)
		}
		list = append(list, p)
		names = append(names, p.Label())
	}
	if len(list) > 1000 {
		return nil, errors.New("want at most 1000 paths")
	}
	if err := outbox.CheckNames(names, name+".log"); err != nil {
		return nil, err
	}
	return list, nil
}

// check is what no single flag can tell.
func check(f *fetch.Fetcher) error {
	if f.Piece > fetch.MaxPiece {
		return errors.New("--piece: want at most 8MiB")
	}
	if f.Depth < 1 || f.Depth > fetch.MaxDepth {
		return errors.New("--depth: want 1 to 16")
	}
	for _, p := range f.Paths {
		if p.Archive() && f.Tail > 0 {
			return errors.New("--tail: it is of files, and " + agent.Safe(p.Path) + " comes as an archive")
		}
	}
	if f.Reserve < 0 {
		return errors.New("--reserve: want a duration above 0")
	}
	if f.Stage == "" {
		return errors.New("--stage: want a directory")
	}
	if f.Outbox == "" {
		return errors.New("--outbox: want a directory")
	}
	if s, o := abs(f.Stage), abs(f.Outbox); s == o || strings.HasPrefix(s+"/", o+"/") || within(s, o) {
		return errors.New("--stage: " + agent.Safe(f.Stage) + " lies in the outbox, where half files would be sent down")
	}
	return nil
}

// within reports that the directory s, or the one that it would be made in,
// is o or lies in it, whatever symbolic links lead there: the kernel's ".."
// is the directory above the one that a link points to.
func within(s, o string) bool {
	out, err := os.Stat(o)
	if err != nil {
		return false // said when it is opened
	}
	at, err := os.Stat(s)
	for err != nil && s != "/" {
		s = path.Dir(s)
		at, err = os.Stat(s)
	}
	for err == nil {
		if os.SameFile(at, out) {
			return true
		}
		below := at
		s += "/.."
		if at, err = os.Stat(s); err == nil && os.SameFile(at, below) {
			return false
		}
	}
	return false
}

func abs(p string) string {
	if !path.IsAbs(p) {
		if wd, err := syscall.Getwd(); err == nil { // os.Getwd asks the environment first
			p = wd + "/" + p
		}
	}
	return path.Clean(p)
}
