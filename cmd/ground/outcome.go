package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// outcome is what a watch ends with, as --then gets it.
type outcome struct {
	Outcome    string   `json:"outcome"` // done, failed, cancelled
	Exit       int      `json:"exit"`
	Runs       []string `json:"runs"` // of ours, watched to their end
	Failed     []string `json:"failed"`
	Cancelled  []string `json:"cancelled"` // ids of windows
	Satellites []report `json:"satellites"`
}

// outcome judges what was watched.
func (w *watch) outcome(all []deploy.Status) outcome {
	out := outcome{Outcome: "done", Runs: []string{}, Failed: []string{}, Cancelled: []string{}, Satellites: reported(all)}
	now := map[string]time.Time{}
	for _, s := range all {
		now[s.Satellite] = s.Now
	}
	for _, key := range w.order {
		it := w.seen[key]
		if !it.ours {
			continue
		}
		if x := it.window; it.isWindow && x.Run != "" && !slices.Contains(out.Runs, x.Run) {
			out.Runs = append(out.Runs, x.Run)
		}
		switch at := now[it.satellite]; {
		case it.cancelled:
			out.Cancelled = append(out.Cancelled, it.window.ID)
		case it.isWindow && it.window.Failed(at):
			x := it.window
			out.Failed = append(out.Failed, fmt.Sprintf("window %s (%s at %s): %s, state %s", x.ID, x.Type, plan.Stamp(x.Start), x.Phase(at), x.State))
		case !it.isWindow && !tasking.Live(it.upload.Status):
			out.Failed = append(out.Failed, fmt.Sprintf("upload %s of %s: %s", it.upload.ID, it.upload.Destination, it.upload.Status))
		}
	}
	switch {
	case len(out.Failed) > 0:
		out.Outcome, out.Exit = "failed", deploy.Failed
	case len(out.Cancelled) > 0:
		out.Outcome, out.Exit = "cancelled", deploy.WasCancelled
	}
	return out
}

// place is where the files come down, as far as it is known.
func (w *watch) place() string {
	if w.bucket != "" {
		return quote(w.bucket)
	}
	return "s3://BUCKET/PREFIX"
}

// finish tells the outcome and what comes next, and hands it to --then.
func (w *watch) finish(ctx context.Context, all []deploy.Status) int {
	o := w.outcome(all)
	for _, f := range o.Failed {
		line(w.io.err, "ground status: %s", f)
	}
	if len(o.Cancelled) > 0 {
		line(w.io.err, "ground status: cancelled: window %s", plan.List(o.Cancelled))
	}
	if len(o.Runs) > 0 && o.Outcome != "cancelled" && !w.json {
		which := ""
		if len(o.Runs) == 1 {
			which = " --run " + o.Runs[0]
		}
		line(w.io.out, "What came down, after a contact up to 5 h later: %s review%s %s", quote(w.io.self), which, w.place())
	}
	if w.json {
		printJSON(w.io, o)
	}
	if w.then == "" {
		return o.Exit
	}
	doc, err := json.Marshal(o)
	if err == nil {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", w.then)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(doc, '\n')), w.io.out, w.io.err
		err = cmd.Run()
	}
	if err != nil {
		line(w.io.err, "ground status: --then: %v", err)
		return deploy.Worse(o.Exit, deploy.Failed)
	}
	return o.Exit
}
