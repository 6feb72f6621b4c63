package mockfm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/survey"
)

// A survey of the satellite on the desk finds nothing wrong, and of each wrong
// assumption that a fault plays it finds that one. (What ground review makes of
// it is tested there.)
func TestSurvey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sdr, sabertooth, differs string }{
		{"", "", ""},
		{"SDR=absent,program=wget", "SABERTOOTH=absent,program=xz", "SDR there is wget, SABERTOOTH there is xz"},
		{"SDR=read-only", "SABERTOOTH=says,program=xz,text=xz (XZ Utils) 5.0.8", "SDR /persist takes files that can be executed, SABERTOOTH xz is 5.2 or newer"},
		{"SDR=address", "SABERTOOTH=clock-unset", "SDR its address is 10.2.1.8 or 10.2.1.12, SABERTOOTH the clock is right"},
		{"SDR=says,program=uname,text=Linux 4.6.0 armv7l", "SABERTOOTH=power-cut,at=4s", "SDR Linux on aarch64, SABERTOOTH the window lasts as long as scheduled"},
		{"SDR=says,program=df,text=/dev/x 9000 1000 8000 12% /persist", "SABERTOOTH=absent,program=sha256sum", "SDR /persist has 64 MiB free, SABERTOOTH there is sha256sum"},
		{"SDR=absent,program=sh", "SABERTOOTH=read-only,dir=/outbox", "SDR nothing, SABERTOOTH nothing"},
	} {
		t.Run(strings.TrimSpace(c.sdr+" "+c.sabertooth), func(t *testing.T) {
			t.Parallel()
			cfg := Config{Shortest: 5 * time.Second}
			for _, text := range []string{c.sdr, c.sabertooth} {
				if text != "" {
					f, err := ParseFault(text)
					if err != nil {
						t.Fatal(err)
					}
					cfg.Faults = append(cfg.Faults, f)
				}
			}
			m := withNamespaces(t, cfg)
			spec := plan.Spec{Survey: true, SDRDuration: 12 * time.Second, FetchDuration: 12 * time.Second}
			for _, w := range spec.Pass("FM1", tomorrow(m)).Windows {
				run(t, m, strings.TrimPrefix(w.Type, windowPrefix), w.Start, int(w.Seconds), append([]string{w.Executable}, w.Args...)...)
			}
			settle(t, m)
			files := bucketOf(t, m)
			var differs []string
			for _, p := range []string{plan.SDR, plan.Sabertooth} {
				facts, ok := survey.Parse(files[survey.Name(p)])
				if !ok {
					differs = append(differs, p+" nothing")
					continue
				}
				payload, _ := plan.PayloadNamed(p)
				for _, f := range facts.Findings(payload.Expected()) {
					if f.State == survey.Differs {
						differs = append(differs, p+" "+f.Assumption)
					}
					if f.State == survey.Unknown && !slices.ContainsFunc([]string{"xz is", "can be reached", "nothing depends"}, func(s string) bool { return strings.Contains(f.Assumption, s) }) {
						t.Errorf("%s: %+v", p, f)
					}
				}
				if !facts.Whole || facts.Run != spec.Pass("FM1", facts.Start).Run {
					t.Errorf("%s: whole %v, run %s", p, facts.Whole, facts.Run)
				}
			}
			if got := strings.Join(differs, ", "); got != c.differs {
				t.Errorf("got %s, want %s\n%v", got, c.differs, files)
			}
		})
	}
}
