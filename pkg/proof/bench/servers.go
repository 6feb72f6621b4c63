package bench

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A server is a peer under measurement.
type server struct {
	name string
	argv func(s *site) []string
}

// A site is where servers run: a directory to share, and scratch beside it.
type site struct {
	dir     string // scratch
	root    string // shared
	bin     string // programs of this repository
	port    int
	fileSrv string // the net/http FileServer, built for the run
}

const ours = "sdr-serve"

var servers = []server{
	{ours, func(s *site) []string {
		return []string{filepath.Join(s.bin, "sdr-serve"), "--listen", s.addr(), "--root", s.root, "--log", "-"}
	}},
	{"nginx", func(s *site) []string {
		conf := filepath.Join(s.dir, "nginx.conf")
		user := ""
		if os.Getuid() == 0 {
			user = "user root;\n"
		}
		text := fmt.Sprintf(`%sdaemon off; worker_processes auto; pid %[2]s/nginx.pid; error_log %[2]s/nginx.err;
events { worker_connections 512; }
http {
	access_log %[2]s/nginx.log; sendfile on; tcp_nopush on; default_type application/octet-stream;
	client_body_temp_path %[2]s/n1; proxy_temp_path %[2]s/n2; fastcgi_temp_path %[2]s/n3; uwsgi_temp_path %[2]s/n4; scgi_temp_path %[2]s/n5;
	server { listen %[3]s; root %[4]s; keepalive_requests 1000000; }
}
`, user, s.dir, s.addr(), s.root)
		if os.WriteFile(conf, []byte(text), 0o644) != nil {
			return nil
		}
		return []string{find("nginx"), "-c", conf, "-p", s.dir, "-e", filepath.Join(s.dir, "nginx.err")}
	}},
	{"net/http FileServer", func(s *site) []string { return []string{s.fileSrv, s.addr(), s.root} }},
	{"busybox httpd", func(s *site) []string {
		return []string{find("busybox"), "httpd", "-f", "-p", s.addr(), "-h", s.root}
	}},
	{"python3 http.server", func(s *site) []string {
		return []string{find("python3"), "-m", "http.server", fmt.Sprint(s.port), "--bind", "127.0.0.1", "-d", s.root}
	}},
}

// find looks for a program where a system keeps it, in front of PATH: wrappers
// in PATH would be measured too. "": not here.
func find(name string) string {
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"} {
		if file := filepath.Join(dir, name); executable(file) {
			return file
		}
	}
	file, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return file
}

func executable(file string) bool {
	fi, err := os.Stat(file)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

func (s *site) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// freeAddr is an address of this machine that nobody listens on at the moment.
func freeAddr() (string, error) {
	port, err := freePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// freePort is one that nobody listens on at the moment.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// A running server.
type running struct {
	cmd   *exec.Cmd
	addr  string
	first time.Duration // from its start to the first byte of an answer
	*usage
}

// start starts a server and waits for its first answer to path.
func (s *site) start(srv server, path string) (*running, error) {
	var err error
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	argv := srv.argv(s)
	if len(argv) == 0 || argv[0] == "" {
		return nil, fmt.Errorf("%s is not here", srv.name)
	}
	r := &running{cmd: exec.Command(argv[0], argv[1:]...), addr: s.addr()}
	r.cmd.Dir = s.root
	begin := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", srv.name, err)
	}
	for {
		c := newClient(r.addr)
		a, err := c.get(path)
		c.close()
		if err == nil && (a.status == 200 || a.status == 401) {
			r.first = time.Since(begin)
			break
		}
		if time.Since(begin) > 10*time.Second {
			r.cmd.Process.Kill()
			r.cmd.Wait()
			return nil, fmt.Errorf("%s does not answer: %d, %v", srv.name, a.status, err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	r.usage = watch(r.cmd.Process.Pid)
	return r, nil
}

func (r *running) end() {
	r.usage.end()
	r.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(3*time.Second, func() { r.cmd.Process.Kill() })
	r.cmd.Wait()
	late.Stop()
}
