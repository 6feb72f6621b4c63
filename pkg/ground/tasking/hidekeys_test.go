package tasking

import (
	"strings"
	"testing"
)

// The API may say what it was sent, in whatever form.
func TestHideKeys(t *testing.T) {
	key := strings.Repeat("0123456789abcDEF", 4)
	for _, text := range []string{
		"--key " + key, "--key=" + key, `["--key","` + key + `"]`, "[\n            \"--key\",\n            \"" + key + "\"\n", `\"--key\", \"` + key + `\"`,
		"%22--key%22%2C%22" + key + "%22", `\u0022--key\u0022,\u0022` + key, "'--key' '" + key + "'", "--key&quot;" + key,
	} {
		if got := HideKeys("a " + text + " z"); strings.Contains(got, key) || !strings.Contains(got, HiddenKey) || !strings.HasPrefix(got, "a ") || !strings.HasSuffix(got, " z") {
			t.Errorf("%q: got %q", text, got)
		}
	}
	for _, text := range []string{key, "sha256 " + key, "--key-file /persist/" + key[:20], "--keys " + key, "--key " + key[1:]} {
		if got := HideKeys(text); got != text {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
