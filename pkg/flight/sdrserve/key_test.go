package sdrserve

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const secret = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

// The lines of docs/wire.md by which curl asks a server with a key are right:
// they are run here as they stand there.
func TestCurlWithAKey(t *testing.T) {
	for _, name := range []string{"curl", "openssl", "base64", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	page, err := os.ReadFile("../../../docs/wire.md")
	must(t, err)
	block := regexp.MustCompile("(?s)\n```sh\n(key=[^\n]*)\n(.*?)```\n").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/wire.md has no lines of sh that begin with a key")
	}
	root := t.TempDir()
	must(t, os.WriteFile(root+"/log", []byte("hello\n"), 0o644))
	p := launch(t, root, "--key", secret)
	ask := func(key, server string) string {
		cmd := exec.Command("sh", "-eu", "-c", "key="+key+" server="+server+" path=/log\n"+strings.Replace(string(block[2]), "curl ", "curl --noproxy '*' -i ", 1))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return string(out)
	}
	for range 2 {
		if got := ask(secret, p.addr); !strings.HasPrefix(got, "HTTP/1.1 206 ") || !strings.HasSuffix(got, "\r\n\r\nhello\n") || !strings.Contains(got, "\r\nSignature: ") {
			t.Errorf("got %s", got)
		}
	}
	if got := ask(strings.Repeat("0", 64), p.addr); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("with another key: got %s", got)
	}
}

// The program for the SDR alone has nothing open; a key is in no line of its
// log, nor is a signature.
func TestKeyIsNotLogged(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/key", []byte(secret+"\n"), 0o600))
	p := launch(t, "/", "--key-file", root+"/key")
	for _, path := range []string{"/", "/proc/self/exe", "/proc/self/cmdline", root + "/key"} {
		q, err := http.NewRequest("GET", p.url(path), nil)
		must(t, err)
		q.Header.Set("Signature", "sig=:c2VjcmV0:")
		res, err := http.DefaultClient.Do(q)
		must(t, err)
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 401 || bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s: got %d %s", path, res.StatusCode, b)
		}
	}
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	code, lines := p.end(t)
	log, err := os.ReadFile(p.log)
	must(t, err)
	if code != 0 || len(lines) != 6 || bytes.Contains(bytes.ToLower(log), []byte("aabbcc")) || bytes.Contains(log, []byte("sig=")) {
		t.Errorf("exit %d: %s", code, log)
	}
}

// Of a hand-over the program can be had without the key, at exactly its target,
// and nothing else.
func TestHandOverWithAKey(t *testing.T) {
	if os.Getenv("EMULATOR") != "" {
		t.Skip("/proc/self/exe is the emulator's")
	}
	exe, err := os.Executable()
	must(t, err)
	program, err := os.ReadFile(exe)
	must(t, err)
	addr := "127.0.0.1:" + strconv.Itoa(freePort(t))
	cmd := command("--listen", addr, "--log", "-", "--key", secret)
	cmd.Env[0] = "SDR_SERVE_TEST=both"
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ask := func(target string) string {
		var nc net.Conn
		for began := time.Now(); nc == nil && time.Since(began) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
			nc, _ = net.Dial("tcp", addr)
		}
		if nc == nil {
			t.Fatal("nobody listens")
		}
		defer nc.Close()
		io.WriteString(nc, "GET "+target+" HTTP/1.0\r\nHost: "+addr+"\r\n\r\n")
		b, err := io.ReadAll(nc)
		must(t, err)
		return string(b)
	}
	head, body, _ := strings.Cut(ask("/proc/self/exe"), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") || body != string(program) {
		t.Errorf("%d bytes, want %d: %s", len(body), len(program), head)
	}
	for _, target := range []string{"/", "/proc/self/exe/", "/proc/self/exe?", "//proc/self/exe", "/proc/self/./exe", "/proc/self/%65xe", "/proc/self/cmdline", "http://" + addr + "/proc/self/exe"} {
		if got := ask(target); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
			t.Errorf("%s: got %.200s", target, got)
		}
	}
}
