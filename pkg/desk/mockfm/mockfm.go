// Package mockfm is a satellite on your desk: the Tasking API, payloads that
// run what was uploaded when their windows open, and the bucket their outboxes
// end up in. Where docs/platform.md says documented, it behaves so; where it says
// unknown, the choice made here is one constant with a comment.
//
// A Mock is used in-process by tests and behind cmd/mockfm alike. Windows run
// as real processes, in package sandbox.
package mockfm

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/desk/sandbox"
)

// Config of a Mock. Only State is needed.
type Config struct {
	Listen     string   // Tasking API, default 127.0.0.1:0
	S3Listen   string   // bucket, default 127.0.0.1:0
	Token      string   // the one bearer token that is accepted; "" accepts any
	Satellites []string // default FM1
	State      string   // directory owned by the Mock; emptied by Start

	UplinkRate   int64         // bytes a day, default 125,000 (docs/platform.md)
	ContactEvery time.Duration // default 6h, the longest documented gap

	Sandbox  string // auto (default), namespaces or plain
	Disk     string // a preset of package flash, default memory
	Seed     uint64 // of what a disk forgets and when it stalls
	Emulator string // of aarch64 programs, default qemu-aarch64-static

	Start     time.Time     // satellite time at Start, default the host's
	Warp      bool          // jump to the next event while no window is open
	WarpAfter time.Duration // only when no change was asked for so long, default 2s; < 0: only while Idle waits

	SyslogSize   int64         // bytes the SDR's syslog starts with, default 8,000
	SyslogRate   int           // lines a second, default 40
	SyslogRotate time.Duration // renamed to syslog.1 so often, default 25s, < 0 never

	Shortest time.Duration // window that is accepted, default as documented: 30s

	Faults []Fault
	Event  func(Event) // told what happens; may be nil
}

// Bucket and Prefix are where downlinked files appear (docs/platform.md, Downlink).
const (
	Bucket = "bucket"
	Prefix = "a/directory"
)

// A Mock is a small fleet with its ground station. Its methods may be called
// from several goroutines.
type Mock struct {
	cfg   Config
	clock *clock
	box   sandbox.Sandbox
	disk  flash.Spec // of every payload
	files *bucket
	feed  *feed

	mu         sync.Mutex
	satellites []*satellite
	uploads    []*upload
	windows    []*window
	deleted    []*window // for listings that lag
	calls      []Call
	faults     []*Fault
	lastID     int
	epoch      time.Time // contacts are at epoch + n*ContactEvery
	contacts   int64     // n of the last one
	open       int       // windows that run now
	busy       int       // changing calls in flight
	quiet      time.Time // host time before which time does not jump
	idle       chan struct{}

	poke     chan struct{}
	cancel   context.CancelFunc
	done     sync.WaitGroup
	api, s3  *http.Server
	lock     *os.File // of State
	url, s3u string
}

// New returns a Mock that has not touched anything yet. Its Handler answers at
// once; windows run after Start.
func New(cfg Config) *Mock {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.S3Listen == "" {
		cfg.S3Listen = "127.0.0.1:0"
	}
	if len(cfg.Satellites) == 0 {
		cfg.Satellites = []string{"FM1"}
	}
	if cfg.UplinkRate <= 0 {
		cfg.UplinkRate = 125_000
	}
	if cfg.ContactEvery <= 0 {
		cfg.ContactEvery = 6 * time.Hour
	}
	if cfg.Disk == "" {
		cfg.Disk = "memory"
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Now()
	}
	if cfg.WarpAfter == 0 {
		cfg.WarpAfter = 2 * time.Second
	}
	if cfg.SyslogSize <= 0 {
		cfg.SyslogSize = 8_000
	}
	if cfg.SyslogRate <= 0 {
		cfg.SyslogRate = 40
	}
	if cfg.SyslogRotate == 0 {
		cfg.SyslogRotate = 25 * time.Second
	}
	if cfg.Shortest <= 0 {
		cfg.Shortest = 24 * time.Hour // no shorter than documented
	}
	m := &Mock{
		cfg:    cfg,
		clock:  newClock(cfg.Start),
		feed:   newFeed(),
		epoch:  cfg.Start.UTC(),
		lastID: 3020552, // ids are opaque strings; docs/platform.md shows "3020553"
		poke:   make(chan struct{}, 1),
	}
	m.files = newBucket(filepath.Join(cfg.State, "bucket"), m.clock)
	for i, id := range cfg.Satellites {
		m.satellites = append(m.satellites, &satellite{ID: id, NORAD: fmt.Sprint(51099 + i)})
	}
	for i := range cfg.Faults {
		f := cfg.Faults[i]
		m.faults = append(m.faults, &f)
	}
	return m
}

// Start empties the state directory, chooses the sandbox, listens, and lets
// time run. After an error nothing is left running.
func (m *Mock) Start() (err error) {
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if err := m.prepare(); err != nil {
		return err
	}
	if m.disk, err = flash.Preset(m.cfg.Disk); err != nil {
		return err
	}
	if m.box, err = m.newSandbox(); err != nil {
		return err
	}
	api, err := net.Listen("tcp", m.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen for the API: %w; give --listen another address", err)
	}
	s3, err := net.Listen("tcp", m.cfg.S3Listen)
	if err != nil {
		api.Close()
		return fmt.Errorf("cannot listen for the bucket: %w; give --s3-listen another address", err)
	}
	m.url, m.s3u = "http://"+api.Addr().String(), "http://"+s3.Addr().String()
	m.api = &http.Server{Handler: m.Handler(), ReadHeaderTimeout: 10 * time.Second}
	m.s3 = &http.Server{Handler: m.files.handler(), ReadHeaderTimeout: 10 * time.Second}
	ctx, cancel := context.WithCancel(context.Background()) // ended by Close
	m.cancel = cancel
	m.done.Add(3)
	go func() { defer m.done.Done(); m.api.Serve(api) }()
	go func() { defer m.done.Done(); m.s3.Serve(s3) }()
	go func() { defer m.done.Done(); m.live(ctx) }()
	return m.writeEnv()
}

// Close ends windows as a power cut would, and everything else. Only files
// under State are left.
func (m *Mock) Close() (err error) {
	if m.cancel != nil {
		m.cancel()
		m.api.Close()
		m.s3.Close()
		m.done.Wait()
		m.cancel = nil
	}
	if m.box != nil {
		err = m.box.Shut()
		m.box = nil
	}
	if m.lock != nil {
		m.lock.Close()
		m.lock = nil
	}
	return err
}

// URL is where the Tasking API is, once started.
func (m *Mock) URL() string { return m.url }

// S3URL is the endpoint of the bucket, once started.
func (m *Mock) S3URL() string { return m.s3u }

// Sandbox is the kind in use, once started: namespaces or plain.
func (m *Mock) Sandbox() string { return m.box.Kind() }

// Foreign says how programs for the payloads' arm64 machines run here, such as
// "under qemu-aarch64-static", or why they cannot.
func (m *Mock) Foreign() (how string, err error) { return m.box.Foreign() }

// State is the directory that everything is in.
func (m *Mock) State() string { return m.cfg.State }

// Disk says why payloads have no disk of their own here: then they stand on
// this machine's, which is fast and forgets nothing at a power cut.
func (m *Mock) Disk() error { return m.box.Disk() }

// Now is satellite time.
func (m *Mock) Now() time.Time { return m.clock.now() }

// Skip puts satellite time forward by d, past anything due meanwhile except
// that a window is open: a window skipped over as a whole was missed.
func (m *Mock) Skip(d time.Duration) {
	m.clock.jump(m.clock.now().Add(d))
	m.wake()
}

// Idle returns when no window is open or to come, and nothing waits for an
// uplink or a downlink.
func (m *Mock) Idle(ctx context.Context) error {
	for {
		m.mu.Lock()
		if !m.pending() {
			m.mu.Unlock()
			return nil
		}
		if m.idle == nil {
			m.idle = make(chan struct{})
		}
		wait := m.idle
		m.mu.Unlock()
		m.wake()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *Mock) newSandbox() (sandbox.Sandbox, error) {
	return sandbox.New(sandbox.Config{
		Kind: m.cfg.Sandbox, Emulator: m.cfg.Emulator, Dir: filepath.Join(m.cfg.State, "bus"),
		Event: func(e sandbox.Event) { m.note("%s", e) },
	})
}

func (m *Mock) wake() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}
