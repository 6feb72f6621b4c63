//go:build !linux

package bench

import "context"

func (b Bench) durable(_ context.Context, _ *site, _ map[string]*running, r *Results) error {
	r.note("durable", "", "not measured: only Linux has the disks")
	return nil
}
