package deploy

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"payload-ipc/pkg/ground/plan"
)

// packing is a directory of programs as make leaves them: sdr-serve,
// sabertooth-fetch and payload, each a small program packed for real.
type packing struct {
	dir string // below it uplink, uplink-arm and uplink/from-old
	old string // hash of the old version's packed program, 8 digits
	new string // of the new one's
	elf string // hash of the new program, unpacked
}

func packPrograms(t *testing.T) packing {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	const repo = "../../.."
	dir := t.TempDir()
	t.Setenv("PACK", filepath.Join(dir, "pack"))
	do := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	do("go", "build", "-o", os.Getenv("PACK"), repo+"/cmd/pack")
	elf := func(version, arch string) string { return filepath.Join(dir, version+"-"+arch) }
	for _, v := range [][2]string{{"old", "arm64"}, {"new", "arm64"}, {"new", "arm"}} {
		do("env", "GOARCH="+v[1], "go", "build", "-trimpath", "-ldflags=-s -w -X main.version="+v[0], "-o", elf(v[0], v[1]), repo+"/cmd/payload/testdata/hello")
	}
	hash := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(b))
	}
	p := packing{dir: dir, elf: hash(elf("new", "arm64"))}
	do(repo+"/scripts/pack", elf("new", "arm64"), dir+"/uplink/sdr-serve")
	do(repo+"/scripts/pack", elf("new", "arm"), dir+"/uplink-arm/sdr-serve")
	do(repo+"/scripts/pack", elf("old", "arm64"), dir+"/old/sdr-serve")
	do(repo+"/scripts/pack", elf("new", "arm64"), dir+"/uplink/from-old/sdr-serve", elf("old", "arm64"), dir+"/old/sdr-serve", dir+"/uplink/sdr-serve")
	p.old, p.new = hash(dir + "/old/sdr-serve")[:8], hash(dir + "/uplink/sdr-serve")[:8]
	for _, sub := range []string{"uplink", "uplink-arm", "uplink/from-old"} {
		for _, name := range []string{"sabertooth-fetch", "payload"} {
			do("cp", filepath.Join(dir, sub, "sdr-serve"), filepath.Join(dir, sub, name))
		}
	}
	return p
}

// What is inside a packed program decides whether it is planned.
func TestArtifacts(t *testing.T) {
	p := packPrograms(t)
	t.Run("packed", func(t *testing.T) {
		all, warnings, err := Artifacts(p.dir+"/uplink", plan.Spec{})
		if err != nil || warnings != nil || len(all) != 2 {
			t.Fatalf("got %d, %q, %v", len(all), warnings, err)
		}
		sum, size := all[0].Runs()
		if fi, _ := os.Stat(p.dir + "/new-arm64"); sum != p.elf || size < fi.Size() || size > fi.Size()+100_000 || all[0].Destination() != "/persist/bin/sdr-serve-"+p.new {
			t.Errorf("got %s, %d bytes, %s", sum, size, all[0].Destination())
		}
	})
	t.Run("update", func(t *testing.T) {
		all, warnings, err := Artifacts(p.dir+"/uplink/from-old", plan.Spec{HandOver: true})
		if err != nil || warnings != nil || len(all) != 1 {
			t.Fatalf("got %d, %q, %v", len(all), warnings, err)
		}
		a := all[0]
		sum, size := a.Runs()
		if fi, _ := os.Stat(p.dir + "/new-arm64"); sum != p.elf || size != fi.Size() {
			t.Errorf("it makes %s of %d bytes", sum, size)
		}
		if a.Base != "/persist/bin/payload-"+p.old || a.Makes != p.new || len(a.OldID) != 8 ||
			a.Destination() != "/persist/bin/payload-"+p.new+"-"+a.SHA256[:8] || a.Whole() != "/persist/bin/payload-"+p.new {
			t.Errorf("got %+v to %s", a, a.Destination())
		}
	})
	t.Run("an update of nothing that changed", func(t *testing.T) {
		os.Mkdir(p.dir+"/uplink/from-new", 0o755)
		for _, name := range []string{"sdr-serve", "sabertooth-fetch"} {
			b, _ := os.ReadFile(p.dir + "/uplink/" + name)
			os.WriteFile(p.dir+"/uplink/from-new/"+name, b, 0o755)
		}
		if _, warnings, err := Artifacts(p.dir+"/uplink/from-new", plan.Spec{}); err != nil || len(warnings) != 2 || !strings.Contains(warnings[0], "sdr-serve has not changed") {
			t.Errorf("got %q, %v", warnings, err)
		}
	})
	t.Run("DEXTER has its own", func(t *testing.T) {
		all, _, err := Artifacts(p.dir+"/uplink", plan.Spec{ToPayload: plan.Dexter})
		if err != nil || all[1].File != p.dir+"/uplink-arm/sabertooth-fetch" || all[1].Payload != plan.Dexter || all[0].File != p.dir+"/uplink/sdr-serve" {
			t.Errorf("got %+v, %v", all, err)
		}
		all, _, err = Artifacts(p.dir+"/uplink/from-old", plan.Spec{ToPayload: plan.Dexter})
		if err != nil || all[1].File != p.dir+"/uplink-arm/sabertooth-fetch" || all[0].Base == "" || all[1].Base != "" {
			t.Errorf("with an update: got %+v, %v", all, err)
		}
		if _, _, err := Artifacts(p.dir+"/uplink", plan.Spec{ToPayload: plan.Dexter, HandOver: true}); err == nil || !strings.Contains(err.Error(), "cannot hand a program over") {
			t.Errorf("got %v", err)
		}
	})
	for name, c := range map[string]struct {
		dir  string
		spec plan.Spec
		do   func(b []byte) []byte
		want string
	}{
		"another processor's": {p.dir + "/uplink-arm", plan.Spec{}, nil, "is not for the SDR: EM_ARM inside, want EM_AARCH64"},
		"a bit turned":        {p.dir + "/uplink", plan.Spec{}, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, "is damaged"},
		"cut":                 {p.dir + "/uplink", plan.Spec{}, func(b []byte) []byte { return b[:len(b)-9] }, "is damaged"},
		"not there":           {p.dir + "/new", plan.Spec{}, nil, "/new/sdr-serve is not there; build it with make uplink where the project is, or say where it is with --artifacts DIR"},
		"no update":           {p.dir + "/uplink/from-1.0", plan.Spec{}, nil, "/uplink/from-1.0/sdr-serve is not there; build it with make update FROM=1.0 where the project is, or say where it is with --artifacts DIR"},
		"none for DEXTER":     {p.dir + "/none", plan.Spec{FromPayload: plan.Dexter}, nil, "/none-arm/sdr-serve is not there; build it with make FLIGHT_ARCH=arm uplink where the project is, or say where it is with --artifacts DIR"},
		"empty":               {p.dir + "/uplink", plan.Spec{}, func(b []byte) []byte { return nil }, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.do != nil {
				b, _ := os.ReadFile(c.dir + "/sdr-serve")
				c.dir = t.TempDir()
				os.WriteFile(c.dir+"/sdr-serve", c.do(b), 0o755)
			}
			if _, _, err := Artifacts(c.dir, c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
