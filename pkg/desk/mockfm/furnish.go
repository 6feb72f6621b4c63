package mockfm

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"payload-ipc/pkg/desk/sandbox"
)

// diskSeed is another one for each window, and the same in each run.
func (m *Mock) diskSeed(w *window) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, m.cfg.Seed, w.id)
	return h.Sum64()
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
	disk := m.disk
	disk.Seed = m.diskSeed(w)
	b := sandbox.Payload{
		Disk: &disk,
		ID:   w.id, Bus: w.satellite, Name: w.payload.name,
		Root: root, System: system, Addrs: w.payload.addrs,
		Program: w.command.Executable, Args: w.command.Arguments,
		Peers: allAddrs(), Plain: plainFlags(w.command.Executable, root),
		Stdout: logs + "/stdout", Stderr: logs + "/stderr",
		Clock: m.clock.now().Sub(time.Now().Round(0)),
	}
	// To whoever asks it is the payload's machine; what is foreign to this one
	// runs under an emulator.
	return b, m.standIn(w, &b, "uname", uname(w.payload), 0o755)
}

// uname is a program that tells a payload's kernel and machine.
func uname(p *payload) string {
	return fmt.Sprintf(`#!/bin/sh
case $* in
-srm)echo Linux %[1]s %[2]s;;
-r)echo %[1]s;;
-m)echo %[2]s;;
-a)echo Linux %[3]s %[1]s %[2]s GNU/Linux;;
*)echo Linux;;
esac
`, p.kernel, p.machine, strings.ToLower(p.name))
}

// standIn has b find this script in the place of one of its programs.
func (m *Mock) standIn(w *window, b *sandbox.Payload, program, script string, mode fs.FileMode) error {
	file := filepath.Join(m.cfg.State, "windows", w.id, "program-"+program)
	os.Remove(file)
	if err := os.WriteFile(file, []byte(script), mode); err != nil {
		return err
	}
	if b.Programs == nil {
		b.Programs = map[string]string{}
	}
	b.Programs[program] = file
	return os.Chmod(file, mode) // whatever the umask
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
