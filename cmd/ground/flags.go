package main

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/plan"
)

// deployFlags is what the flags of plan and deploy say.
type deployFlags struct {
	access
	spec      plan.Spec
	start     string
	rate      string
	sdr       []string
	allow     []string
	tail      string
	maxBytes  string
	paths     []string
	names     []string
	artifacts string
	update    string
	svg       string
	dryRun    bool
	needs     bool
	yes       bool
}

func (w *deployFlags) flags(c *cobra.Command, io *stdio) {
	s := &w.spec
	section(c, "What to bring", func(fs *pflag.FlagSet) {
		fs.StringArrayVar(&w.paths, "path", nil, "what to bring from the SDR, as `PATH[=NAME]`; may be repeated; a directory ends in a slash, and with a NAME that ends in .tar comes as one archive (default "+plan.DefaultPath+"=sdr_syslog)")
		fs.StringArrayVar(&w.names, "name", nil, "`NAME` in the bucket of the one --path (default: sdr_ and the last part of the path)")
		fs.StringVar(&w.tail, "tail", "", "bring only the last `SIZE` of each file, such as 64KiB")
		fs.StringVar(&w.maxBytes, "max-bytes", "", "bring no more than `SIZE` in one pass, such as 10MB (default: the fetcher's 100MB)")
		fs.IntVar(&s.Depth, "depth", 1, "of a directory, bring `N` levels (default: 1, the directory's own files)")
		fs.BoolVar(&s.NoSalvage, "no-salvage", false, "publish no incomplete files")
		fs.IntVar(&s.DownlinkBudget, "downlink-budget", 1, "downlink budget of each window, in the API's unit")
	})
	section(c, "When", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.start, "start", "", "`TIME` at which the SDR's window starts: Unix seconds, RFC 3339, or +2h (default: the earliest that fits)")
		fs.DurationVar(&s.Lead, "lead", 24*time.Hour, "least time from now to the start")
		w.windowFlags(fs)
		fs.IntVar(&s.Repeat, "repeat", 1, "`N` passes, each both windows or none; counted from the first that is there")
		fs.DurationVar(&s.Every, "every", 24*time.Hour, "from the start of one pass to the next, with --repeat")
	})
	section(c, "Which payloads", func(fs *pflag.FlagSet) {
		w.payloadFlags(fs)
		fs.StringSliceVar(&w.sdr, "sdr", nil, "where the fetcher looks for the server, as `ADDRESS,...` (default: the serving payload's documented addresses)")
		fs.IntVar(&s.Port, "port", plan.DefaultPort, "port of the SDR's server")
		fs.StringSliceVar(&w.allow, "allow", nil, "who may read from the server, as `CIDR` or address; may be repeated (default: the payloads' network)")
		fs.BoolVar(&s.Key, "key", false, "give both programs a key of the run, which is made of the token: nobody else is served, and nobody else is believed; takes no value")
	})
	section(c, "Uplink", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.rate, "uplink-rate", "125KB", "`SIZE` that goes up in a day")
		fs.BoolVar(&s.HandOver, "hand-over", false, "send one program to the SDR, which hands it to the SABERTOOTH: half the uplink")
		fs.StringVar(&w.update, "update-from", "", "send patches against this `VERSION`, which is aboard (make update FROM=VERSION builds them)")
		fs.BoolVar(&s.Whole, "whole", false, "send whole programs even where an update made the same ones aboard (one that failed, as its log says)")
		fs.BoolVar(&s.SkipUpload, "skip-upload", false, "send no programs (a MockFM takes none)")
		fs.BoolVar(&s.ITAR, "itar", false, "upload through ground stations in the US only")
		fs.StringVar(&w.artifacts, "artifacts", defaultArtifacts, "`DIR` of the packed programs")
	})
	w.access.flags(c, io)
	w.actFlags(c)
}

// actFlags are those that say how far it goes.
func (w *deployFlags) actFlags(c *cobra.Command) {
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&w.dryRun, "dry-run", false, "print the plan and stop: nothing is sent, the API is not asked, and no token is needed")
		fs.BoolVar(&w.yes, "yes", false, "do not ask before scheduling")
		fs.StringVar(&w.svg, "svg", "", "also draw the plan into this `FILE` (one satellite)")
	})
}

// built is the directory of the whole programs.
func (w *deployFlags) built() string {
	if w.update != "" {
		return filepath.Dir(w.artifacts)
	}
	return w.artifacts
}

// windowFlags are those that say how the two windows lie.
func (w *deployFlags) windowFlags(fs *pflag.FlagSet) {
	s := &w.spec
	fs.DurationVar(&s.SDRDuration, "sdr-duration", time.Minute, "length of the SDR's window")
	fs.DurationVar(&s.FetchDelay, "fetch-delay", 30*time.Second, "from the SDR's start to the fetcher's")
	fs.DurationVar(&s.FetchDuration, "fetch-duration", time.Minute, "length of the fetcher's window")
}

// payloadFlags are those that say which two payloads take part.
func (w *deployFlags) payloadFlags(fs *pflag.FlagSet) {
	fs.StringVar(&w.spec.FromPayload, "from-payload", plan.SDR, "`PAYLOAD` that serves: SDR, SABERTOOTH, IPI or DEXTER")
	fs.StringVar(&w.spec.ToPayload, "to-payload", plan.Sabertooth, "`PAYLOAD` that fetches")
}

// read turns the flags' words into the spec, all before anything is sent.
func (w *deployFlags) read(now time.Time) error {
	rate, err := plan.ParseSize(w.rate)
	if err != nil {
		return wrong("--uplink-rate: %v", err)
	}
	w.spec.UplinkRate = rate
	if w.spec.Repeat < 1 {
		return wrong("--repeat: %d is not 1 or more", w.spec.Repeat)
	}
	if err := w.readAddresses(); err != nil {
		return err
	}
	if err := w.readFiles(); err != nil {
		return err
	}
	for _, f := range []struct {
		flag, text string
		to         *int64
	}{{"tail", w.tail, &w.spec.Tail}, {"max-bytes", w.maxBytes, &w.spec.MaxBytes}} {
		if *f.to = 0; f.text == "" {
			continue
		}
		if *f.to, err = plan.ParseSize(f.text); err != nil {
			return wrong("--%s: %v", f.flag, err)
		}
	}
	if w.update != "" {
		if strings.ContainsAny(w.update, "/\\ ") || strings.HasPrefix(w.update, ".") {
			return wrong("--update-from: %q is not the name of a version; give a tag or a commit", w.update)
		}
		if from := "from-" + w.update; filepath.Base(w.artifacts) != from {
			w.artifacts = filepath.Join(w.artifacts, from)
		}
	}
	if w.spec.Start = (time.Time{}); w.start != "" {
		if w.spec.Start, err = instant(w.start, now); err != nil {
			return err
		}
	}
	err = w.spec.Check()
	if e := (*plan.SpecError)(nil); errors.As(err, &e) && e.Flag == "name" && len(w.names) == 0 {
		e.Flag = "path" // has the NAME
	}
	return err
}

// readAddresses reads where the server is and who may read from it.
func (w *deployFlags) readAddresses() error {
	w.spec.SDR, w.spec.Allow = nil, nil
	if from, ok := plan.PayloadNamed(w.spec.FromPayload); ok && len(w.sdr) == 0 {
		w.spec.SDR = from.Addrs
	}
	for _, a := range w.sdr {
		ip, err := netip.ParseAddr(strings.TrimSpace(a))
		if err != nil {
			return wrong("--sdr: %q is not an address (there is no DNS up there); give one such as 10.2.1.8", a)
		}
		w.spec.SDR = append(w.spec.SDR, ip)
	}
	for _, a := range w.allow {
		p, err := netip.ParsePrefix(strings.TrimSpace(a))
		if ip, aerr := netip.ParseAddr(strings.TrimSpace(a)); aerr == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return wrong("--allow: %q is not a network; give one such as 10.2.1.10/32", a)
		}
		w.spec.Allow = append(w.spec.Allow, p)
	}
	return nil
}

// readFiles reads what to bring, as it will be read aboard.
func (w *deployFlags) readFiles() error {
	w.spec.Files = nil
	for _, p := range w.paths {
		f, err := plan.ParseFile(p)
		if err != nil {
			return wrong("--path: %v", err)
		}
		w.spec.Files = append(w.spec.Files, f)
	}
	if len(w.paths) == 0 {
		w.spec.Files = []plan.File{{Path: plan.DefaultPath}}
	}
	switch {
	case len(w.names) > 1:
		return wrong("--name is there %d times; give each its own as --path PATH=NAME", len(w.names))
	case len(w.names) == 1 && len(w.spec.Files) > 1:
		return wrong("--name names one file, and --path is there %d times; give each its own as --path PATH=NAME", len(w.paths))
	case len(w.names) == 1 && w.spec.Files[0].Name != "" && w.spec.Files[0].Name != w.names[0]:
		return wrong("--name and --path name the same file %q and %q; give one", w.names[0], w.spec.Files[0].Name)
	case len(w.names) == 1 && w.names[0] == "":
		return wrong("--name is empty; give a name such as sdr_syslog, or leave it out")
	case len(w.names) == 1:
		w.spec.Files[0].Name = w.names[0]
	}
	w.spec.Files = w.spec.Named()
	return nil
}

// instant reads a time: Unix seconds, RFC 3339, or from now on.
func instant(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(strings.TrimPrefix(s, "+")); err == nil && strings.HasPrefix(s, "+") {
		return now.Add(d).Truncate(time.Second), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n < 1<<40 {
		return time.Unix(n, 0), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Truncate(time.Second), nil
	}
	return time.Time{}, wrong("--start: %q is not a time; give Unix seconds, RFC 3339 (2026-11-23T14:00:00Z) or +2h", s)
}
