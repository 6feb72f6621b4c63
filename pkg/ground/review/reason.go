package review

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"payload-ipc/pkg/ground/plan"
)

// nothing says why a file did not come. What a server answered counts more than
// that at other times, before it was up and after its end, nobody answered:
// which the last trouble of a pass mostly is.
func (r *Receipt) nothing() string {
	status, times := r.answered()
	if status == 0 || r.BytesReceived > 0 {
		return "nothing came: " + r.why()
	}
	said := fmt.Sprintf("the server answered %d %s %s times", status, http.StatusText(status), plan.Grouped(times))
	if times == 1 {
		said = fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	}
	switch status {
	case http.StatusNotFound, http.StatusGone:
		said += ": there is no " + r.path() + " to read; ground deploy another --path"
	case http.StatusUnauthorized, http.StatusForbidden:
		said += ": it may not hand out " + r.path()
	}
	return "nothing came: " + said + " (" + r.why() + ")"
}

// answered is the status that the server refused with most often, 0 if it never
// did.
func (r *Receipt) answered() (status int, times int64) {
	for class, n := range r.Errors {
		code, ok := strings.CutPrefix(class, "status ")
		if got, err := strconv.Atoi(code); ok && err == nil && (n > times || n == times && got < status) {
			status, times = got, n
		}
	}
	return status, times
}

// why is the receipt's reason without what is said beside it: that nothing came,
// or how much.
func (r *Receipt) why() string {
	head, rest, more := strings.Cut(r.Reason, "; ")
	if more && (head == "nothing came" || strings.HasPrefix(head, "incomplete: ") && !strings.Contains(head, ",")) {
		return rest
	}
	if r.Reason == "nothing came" {
		return "the receipt gives no reason"
	}
	return orElse(r.Reason, "the receipt gives no reason")
}

// signed reports that every answer that the published bytes are from was signed
// with the key of the run, as the fetcher says. That key is in no receipt, and no
// receipt is signed: it is the fetcher that checked.
func (r *Receipt) signed() bool { return strings.Contains(r.Reason, ", signed with this run's key") }

// proof is by what the published bytes are proven.
func (r *Receipt) proof() string {
	if r.signed() {
		return proof(r.Verified) + ", every answer signed with this run's key"
	}
	return proof(r.Verified)
}
