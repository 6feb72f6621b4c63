package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"payload-ipc/pkg/ground/tasking"
)

// key is the key of a run, for the arguments of both its windows: HMAC-SHA-256
// of the run's name under the token. So the same deployment finds its pair
// again, and who has no token cannot tell the key. On paper, where there is no
// token, it is what stands for one on a screen.
func (s Spec) key(run string) string {
	if s.Token == "" {
		return tasking.HiddenKey
	}
	mac := hmac.New(sha256.New, []byte(s.Token))
	mac.Write([]byte(run))
	return hex.EncodeToString(mac.Sum(nil))
}

// MarshalJSON writes w without the value of a key.
func (w Window) MarshalJSON() ([]byte, error) {
	type bare Window
	w.Args = ShownArgs(w.Args)
	return json.Marshal(bare(w))
}

// ShownArgs is args as they may be seen: without the value of a key.
func ShownArgs(args []string) []string {
	if args == nil {
		return nil
	}
	out := make([]string, 0, len(args))
	for i, a := range args {
		if i > 0 && args[i-1] == "--key" {
			a = tasking.HiddenKey
		}
		out = append(out, tasking.HideKeys(a))
	}
	return out
}
