package mockfm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/desk/sandbox"
)

// Directories of one payload under State.
func (m *Mock) rootDir(w *window) string {
	return filepath.Join(m.cfg.State, "payloads", w.satellite, w.payload.name, "root")
}

// systemDir holds what is mounted read-only, where mounting is possible.
func (m *Mock) systemDir(w *window) string {
	if m.box.Kind() == "plain" {
		return m.rootDir(w)
	}
	return filepath.Join(m.cfg.State, "payloads", w.satellite, w.payload.name, "system")
}

// runWindow is the life of one window, from power on to downlink.
func (m *Mock) runWindow(ctx context.Context, w *window) {
	o := m.playWindow(ctx, w)
	said := o.String()
	if err := m.collect(w); err != nil {
		said += fmt.Sprintf("; outbox not collected: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.phase, w.outcome = over, said
	m.open--
	e := w.event(Closed, " window %s closed: %s", w.id, said)
	e.Outcome = o
	m.tell(e)
	m.wake()
}

// playWindow runs the program until the window's end and says what became of
// it.
func (m *Mock) playWindow(ctx context.Context, w *window) sandbox.Outcome {
	b, err := m.furnish(w)
	if err != nil {
		return sandbox.Outcome{End: sandbox.Refused, Why: err.Error()}
	}
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(w.end.Sub(m.clock.now())))
	defer cancel()
	var cuts []*Fault
	for _, f := range m.takeFaults(w.payload.name) {
		m.tell(w.event(Faulted, " window %s: fault %s", w.id, f))
		switch f.Kind {
		case ClockUnset:
			b.Clock = -time.Since(time.Unix(0, 0))
		case ClockStep:
			b.Steps = append(b.Steps, sandbox.Step{At: f.At, By: f.By})
		case DiskFull:
			b.Outbox = f.Size
		default:
			cuts = append(cuts, f)
		}
	}
	m.tell(w.event(Opened, " window %s opens: %s %q", w.id, b.Program, b.Args))
	opened := time.Now()
	if err := m.box.Open(b); err != nil {
		// The time passes all the same.
		<-ctx.Done()
		return sandbox.Outcome{End: sandbox.Refused, Why: err.Error()}
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		if w.payload.name == "SDR" {
			m.syslogOf(w).write(ctx)
		}
	}()
	m.playCuts(ctx, w, cuts, opened)
	o := m.box.Close(b.ID)
	cancel()
	<-logged
	return o
}

// playCuts waits for the window's end while cable and power fail as asked.
func (m *Mock) playCuts(ctx context.Context, w *window, cuts []*Fault, opened time.Time) {
	type turn struct {
		at time.Duration
		do func()
	}
	var turns []turn
	cut, stop := context.WithCancel(ctx)
	defer stop()
	for _, f := range cuts {
		switch f.Kind {
		case LinkCut:
			turns = append(turns, turn{f.At, func() { m.plug(w, false) }})
			if f.For > 0 {
				turns = append(turns, turn{f.At + f.For, func() { m.plug(w, true) }})
			}
		case PowerCut:
			turns = append(turns, turn{f.At, func() {
				m.tell(w.event(PowerLost, ": power cut"))
				if err := m.box.Cut(w.id); err != nil {
					m.note("%s %s: power cut: %v", w.satellite, w.payload.name, err)
				}
			}})
		}
	}
	for len(turns) > 0 {
		first := 0
		for i := range turns {
			if turns[i].at < turns[first].at {
				first = i
			}
		}
		t := turns[first]
		turns = append(turns[:first], turns[first+1:]...)
		select {
		case <-cut.Done():
			return
		case <-time.After(time.Until(opened.Add(t.at))):
			t.do()
		}
	}
	<-cut.Done()
}

func (m *Mock) plug(w *window, up bool) {
	what, said := Unplugged, "cable pulled"
	if up {
		what, said = Plugged, "cable plugged"
	}
	m.tell(w.event(what, ": %s%s", said, reason(m.box.Link(w.id, up))))
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// furnish makes the payload's file system as it is at power on, with uploads
// that have arrived by now.
func (m *Mock) furnish(w *window) (sandbox.Payload, error) {
	root, system := m.rootDir(w), m.systemDir(w)
	logs := filepath.Join(m.cfg.State, "windows", w.id)
	for _, dir := range []string{root + "/persist", root + "/inbox", root + "/outbox", system + "/etc", system + "/home", system + "/var/log", logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return sandbox.Payload{}, err
		}
	}
	if err := writeEtc(system+"/etc", w.payload); err != nil {
		return sandbox.Payload{}, err
	}
	if w.payload.name == "SDR" {
		if err := m.syslogOf(w).boot(); err != nil {
			return sandbox.Payload{}, err
		}
	}
	if err := m.deliver(w); err != nil {
		return sandbox.Payload{}, err
	}
	return sandbox.Payload{
		ID: w.id, Bus: w.satellite, Name: w.payload.name,
		Root: root, System: system, Addrs: w.payload.addrs,
		Program: w.command.Executable, Args: w.command.Arguments,
		Peers: allAddrs(), Plain: plainFlags(w.command.Executable, root),
		Stdout: logs + "/stdout", Stderr: logs + "/stderr",
		Clock: m.clock.now().Sub(time.Now().Round(0)),
	}, nil
}

// writeEtc makes an /etc that says no more than the payload's own would: no
// DNS, one user. What host programs cannot do without is taken from the host.
func writeEtc(dir string, p *payload) error {
	files := map[string]string{
		"passwd":        "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n",
		"group":         "root:x:0:\nuser:x:1000:\n",
		"hosts":         "127.0.0.1 localhost\n",
		"hostname":      p.name + "\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"resolv.conf":   "",
	}
	if cache, err := os.ReadFile("/etc/ld.so.cache"); err == nil {
		files["ld.so.cache"] = string(cache)
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(dir, "alternatives"), 0o755)
}

// deliver puts uploads where they belong, at the first window of their payload
// after they reached the satellite.
func (m *Mock) deliver(w *window) error {
	m.mu.Lock()
	var due []*upload
	for _, u := range m.uploads {
		if u.status == Uploaded && !u.delivered && u.satellite == w.satellite && u.payload == w.payload && !u.aboard.After(w.start) {
			due = append(due, u)
		}
	}
	m.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	root, err := os.OpenRoot(m.rootDir(w)) // links that programs left do not lead out
	if err != nil {
		return err
	}
	defer root.Close()
	for _, u := range due {
		body, err := os.ReadFile(m.uploadFile(u))
		if err != nil {
			return err
		}
		name := u.path[1:]
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("upload %s: %w", u.id, err)
		}
		mode := fs.FileMode(0o644)
		if u.executable {
			mode = 0o755
		}
		root.Remove(name) // a program that still runs from it does not hinder
		if err := root.WriteFile(name, body, mode); err != nil {
			return fmt.Errorf("upload %s: %w", u.id, err)
		}
		if err := root.Chmod(name, mode); err != nil {
			return err
		}
		m.mu.Lock()
		u.delivered = true
		m.mu.Unlock()
		m.drop(u)
		m.note("%s %s: %s delivered", w.satellite, w.payload.name, u.path)
	}
	return nil
}

// collect queues what is in the outbox, whatever state it is in, and empties
// both boxes.
func (m *Mock) collect(w *window) error {
	root, err := os.OpenRoot(m.rootDir(w))
	if err != nil {
		return err
	}
	defer root.Close()
	at := m.clock.now()
	dir := filepath.Join(m.cfg.State, "downlink", w.id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rows, err := fs.ReadDir(root.FS(), "outbox")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !row.Type().IsRegular() {
			// What becomes of sub-directories is unknown (docs/platform.md): nothing.
			m.note("%s %s: /outbox/%s is not a file and stays", w.satellite, w.payload.name, row.Name())
			continue
		}
		body, err := root.ReadFile("outbox/" + row.Name())
		if err != nil {
			return err
		}
		file := filepath.Join(dir, row.Name())
		if err := os.WriteFile(file, body, 0o644); err != nil {
			return err
		}
		m.files.leave(w.satellite, row.Name(), file, at)
	}
	for _, box := range []string{"inbox", "outbox"} {
		if err := root.RemoveAll(box); err != nil {
			return err
		}
		if err := root.Mkdir(box, 0o755); err != nil {
			return err
		}
	}
	return nil
}
