package deploy

import (
	"os"
	"path/filepath"
	"strings"

	"payload-ipc/pkg/ground/plan"
)

// Ways are all in which the programs of s can go up, of what is built below dir:
// as a pair or handed over, whole or as updates. Updates of another program than
// the one that is built now are left out.
func Ways(dir string, s plan.Spec) (out []plan.Way) {
	for _, version := range append([]string{""}, versions(dir)...) {
		for _, handOver := range []bool{false, true} {
			if w, ok := way(dir, version, handOver, s); ok {
				out = append(out, w)
			}
		}
	}
	return out
}

// versions are those of which there are updates below dir.
func versions(dir string) (out []string) {
	rows, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, row := range rows {
		if v, ok := strings.CutPrefix(row.Name(), updatesFrom); ok && row.IsDir() && !strings.HasSuffix(v, ".new") {
			out = append(out, v)
		}
	}
	return out
}

func way(dir, version string, handOver bool, s plan.Spec) (w plan.Way, ok bool) {
	s.HandOver = handOver
	w = plan.Way{HandOver: handOver, Version: version}
	whole, err := located(dir, s)
	if err != nil {
		return w, false
	}
	w.Artifacts = whole
	if version != "" {
		if w.Artifacts, err = located(filepath.Join(dir, updatesFrom+version), s); err != nil {
			return w, false
		}
	}
	patches := version == ""
	for i := range w.Artifacts {
		a := &w.Artifacts[i]
		if _, _, _, err := identify(a); err != nil {
			return w, false
		}
		patches = patches || a.Base != ""
		if version != "" && whole[i].File != a.File {
			if _, _, _, err := identify(&whole[i]); err != nil || whole[i].Unpacked != a.Unpacked {
				return w, false
			}
		}
	}
	return w, patches
}
