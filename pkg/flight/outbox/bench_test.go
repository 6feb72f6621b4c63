package outbox

import (
	"context"
	"os"
	"testing"
	"time"
)

// 64 MiB in proven pieces of 1 MiB, published; bytes per second of all of it.
func BenchmarkFetch(b *testing.B) {
	for _, where := range []string{"tmpfs", "disk"} {
		b.Run(where, func(b *testing.B) {
			dir := b.TempDir()
			if where == "tmpfs" {
				var err error
				if dir, err = os.MkdirTemp("/dev/shm", "outbox"); err != nil {
					b.Skip(err)
				}
				defer os.RemoveAll(dir)
			}
			os.Mkdir(dir+"/outbox", 0o755)
			piece := make([]byte, 1<<20)
			for i := range piece {
				piece[i] = byte(i * 7)
			}
			b.SetBytes(64 << 20)
			for b.Loop() {
				s, err := Open(Config{Stage: dir + "/stage", Outbox: dir + "/outbox"})
				if err != nil {
					b.Fatal(err)
				}
				t, _ := s.Target("log", "/src")
				p, _ := t.New(Identity{})
				for range 64 {
					p.Append(piece)
					p.Prove()
				}
				if _, err := p.Publish(context.Background()); err != nil {
					b.Fatal(err)
				}
				s.Close()
				os.Remove(dir + "/outbox/log")
			}
		})
	}
}

// A small log from open stage to receipt, what a window has to reserve.
func BenchmarkPublishSmall(b *testing.B) {
	dir := b.TempDir()
	os.Mkdir(dir+"/outbox", 0o755)
	data := text(2500)
	s, err := Open(Config{Stage: dir + "/stage", Outbox: dir + "/outbox", Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		t, _ := s.Target("log", "/src")
		p, _ := t.New(Identity{})
		p.Append(data)
		p.Prove()
		pub, err := p.Publish(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		r := &Receipt{Status: "complete"}
		r.Bytes(pub)
		if err := t.PublishReceipt(r); err != nil {
			b.Fatal(err)
		}
	}
}
