// The modules of what flies (scripts/fly), apart from go.mod so that a new version of something that stays on the ground does
// not change a byte aboard. zerolog, backoff and pflag are of the versions that go.mod has, which a test holds.
module payload-ipc

go 1.26.0

require (
	github.com/cenkalti/backoff/v4 v4.3.0
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/rs/zerolog v1.34.0
	github.com/spf13/pflag v1.0.6
	golang.org/x/sys v0.49.0 // indirect
)
