package vm

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed init.sh
var initScript []byte

// A Machine is a payload computer, ready to be switched on.
type Machine struct {
	Name    string // of its files in Dir
	Dir     string // for its console's log
	Image   *Image
	CPU     string // as qemu calls it; "" for cortex-a53
	Disk    string // file with an ext4 file system; written to
	Record  string // file that takes every write to the disk as well: see OpenRecording
	Address string // IPv4, in a /24
	Ether   *Ethernet
	End     int // of the ethernet, 0 or 1

	Clock  time.Time // what its clock shows at power on; zero for the right time
	Outbox string    // directory of the disk that /outbox is a mount of; "" for /outbox itself
	Empty  bool      // empty /outbox first, as is done between windows
}

// A Running machine. It ends when its command does, or when its power is cut.
type Running struct {
	*Console
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{}
	stop  context.CancelFunc
}

// Start switches m on, which waits for its command then. It ends with ctx at the
// latest; Cut or Wait must be called in any case.
func (m Machine) Start(ctx context.Context) (*Running, error) {
	job := m.Image.job(m)
	initrd := filepath.Join(m.Dir, m.Name+".initrd")
	if err := os.WriteFile(initrd, job, 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(m.Dir, m.Name+".log"))
	if err != nil {
		return nil, err
	}
	plug, err := m.Ether.plug(m.End)
	if err != nil {
		log.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Running{Console: newConsole(), ended: make(chan struct{}), stop: stop}
	r.cmd = exec.CommandContext(ctx, emulator, m.arguments(initrd)...)
	r.cmd.ExtraFiles = []*os.File{plug}
	r.cmd.Stderr = log
	// A desk that is killed takes its machines along.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.cmd.WaitDelay = 5 * time.Second
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		r.input, err = r.cmd.StdinPipe()
	}
	if err == nil {
		err = r.cmd.Start()
	}
	plug.Close()
	if err != nil {
		stop()
		log.Close()
		return nil, err
	}
	go func() {
		defer close(r.ended)
		r.read(out, log)
		_ = r.cmd.Wait() // killed or not, it is off
		log.Close()
		os.Remove(initrd)
	}()
	return r, nil
}

// Run gives a machine that has said "VM ready" its command, which is started
// without a shell and without an environment in the root of the disk. Errors:
// the machine is off.
func (r *Running) Run(command []string) error {
	script := "set --"
	for _, a := range command {
		script += " " + quote(a)
	}
	text := base64.StdEncoding.EncodeToString([]byte(script + "\n"))
	var b strings.Builder
	for len(text) > 76 { // a terminal takes no endless line
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	_, err := io.WriteString(r.input, b.String()+text+"\n.\n")
	return err
}

// Cut cuts the power: at this instant no further instruction is executed, and
// what the kernel has not yet written is gone. The drive keeps what was written.
func (r *Running) Cut() {
	r.stop()
	<-r.ended
}

// Wait waits for the end of the machine, or cuts its power at the end of ctx;
// false then.
func (r *Running) Wait(ctx context.Context) bool {
	select {
	case <-r.ended:
		r.stop()
		return true
	case <-ctx.Done():
		r.Cut()
		return false
	}
}

// arguments are qemu's. The file descriptor is the plug's.
func (m Machine) arguments(initrd string) []string {
	cpu := m.CPU
	if cpu == "" {
		cpu = "cortex-a53"
	}
	clock := "base=utc"
	if !m.Clock.IsZero() {
		clock = "base=" + m.Clock.UTC().Format("2006-01-02T15:04:05")
	}
	args := []string{"-machine", "virt,gic-version=2", "-cpu", cpu, "-smp", "1", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none",
		"-monitor", "none", "-serial", "stdio", "-no-reboot", "-rtc", clock,
		"-kernel", m.Image.kernel, "-initrd", initrd, "-append", "console=ttyAMA0 quiet loglevel=3 panic=-1",
		"-netdev", "socket,id=ether,fd=3", "-device", "virtio-net-pci,netdev=ether,romfile=,mac=52:54:00:00:00:0" + strconv.Itoa(m.End+1),
		"-blockdev", "driver=raw,node-name=disk,file.driver=file,file.filename=" + comma(m.Disk)}
	drive := "disk"
	if m.Record != "" {
		drive = "recorded"
		args = append(args, "-blockdev", "driver=blklogwrites,node-name=recorded,file=disk,log.driver=file,log-sector-size=512,log.filename="+comma(m.Record))
	}
	return append(args, "-device", "virtio-blk-pci,drive="+drive)
}

// comma escapes a value in qemu's lists.
func comma(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// job is what m boots: the image and the job of this one machine.
func (i *Image) job(m Machine) []byte {
	outbox, empty := m.Outbox, ""
	if outbox == "" {
		outbox = "/outbox"
	}
	if m.Empty {
		empty = "yes"
	}
	var own archive
	own.file("job", 0o644, fmt.Appendf(nil, "ADDRESS=%s OUTBOX=%s EMPTY=%s\n", quote(m.Address), quote(outbox), empty))
	all := i.files
	return append(append([]byte(nil), all.b.Bytes()...), own.end()...)
}

// quote makes one word of the shell of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
