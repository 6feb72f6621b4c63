package mockfm

import (
	"flag"
	"os"
	"testing"
)

// Windows take their time in sleep: more of them than there are processors can
// be open at once.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}
