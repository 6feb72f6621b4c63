package campaign

import (
	"strconv"
	"time"
)

// A contender is a pair of programs under trial.
type contender struct {
	name   string
	honest bool // it leaves receipts, keeps a deadline and a stage
	server func(until int64, d time.Duration) []string
	client func(until int64, d time.Duration, run string) []string
}

const backDoor = "127.0.0.1:10102" // where servers listen, behind the line

var contenders = []contender{
	{"ours", true,
		func(until int64, d time.Duration) []string {
			return []string{"/persist/bin/sdr-serve", "--listen", backDoor, "--drain", drain.String(), "--until", strconv.FormatInt(until, 10), "--for", d.String()}
		},
		func(until int64, d time.Duration, run string) []string {
			return []string{"/persist/bin/sabertooth-fetch", "--reserve", reserve.String(), "--run", run, logPath + "=" + logName, "--until", strconv.FormatInt(until, 10), "--for", d.String()}
		}},
	// The tutorial's own, with -O for its mistaken -o.
	{"python3 + wget", false, python, func(int64, time.Duration, string) []string {
		return []string{"/usr/bin/wget", "-q", "-O", "/outbox/" + logName, "http://10.2.1.8:10101" + logPath}
	}},
	// The best that can be asked of it by flags.
	{"python3 + curl, retrying", false, python, func(int64, time.Duration, string) []string {
		return []string{"/usr/bin/curl", "-sS", "--fail", "--retry", "1000", "--retry-all-errors", "--retry-delay", "1", "--connect-timeout", "1", "-o", "/outbox/" + logName, "http://10.2.1.8:10101" + logPath}
	}},
}

func python(int64, time.Duration) []string {
	return []string{"/usr/bin/python3", "-m", "http.server", "10102", "--bind", "127.0.0.1"}
}
