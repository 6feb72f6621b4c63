package serve

import (
	"strings"

	"payload-ipc/pkg/flight/http1"
)

// The exceptions of the differential tests.

func target(names ...string) func(generated, answer, answer) bool {
	return func(q generated, _, _ answer) bool { return contains(names, q.target) }
}

// oddRange reports a Range that is ignored here because a part of it is no
// range ("4-3", "-"), because the file is empty, or because it asks for more
// than the whole.
func oddRange(q generated, ours, theirs answer) bool {
	value := q.value("Range")
	if value == "" {
		return false
	}
	ranges, ok := http1.ParseRange(value, 1<<62)
	return ok && len(ranges) == 0 || q.file == "empty" || strings.Contains(value, "-0")
}

var netHTTPDiffers = []*difference{
	{why: "FileServer redirects a file with a slash behind it; here that is no such directory", applies: target("/f11/")},
	{why: "FileServer answers 500 to a symbolic link loop", applies: target("/loop")},
	{why: "FileServer answers 404 to a NUL, which is a malformed path", applies: target("/%00")},
	{why: "http.Dir serves no names that are not UTF-8; Linux has them", applies: target("/names/bad%ff%fe")},
	{why: "FileServer looks at Range for HEAD; RFC 9110 section 14.2 defines it for GET alone", applies: func(q generated, ours, theirs answer) bool {
		return q.method == "HEAD" && q.has("Range") && (theirs.StatusCode == 206 || theirs.StatusCode == 416)
	}},
	{why: "FileServer answers 416 to ranges that are malformed, or of nothing; here they are ignored", applies: oddRange},
	{why: "FileServer gives listings a date, and evaluates no If-Match for them; here they have no validators, and conditions still hold", applies: target("/dir/")},
}

var nginxDiffers = []*difference{
	{why: "nginx answers 403 to a symbolic link loop; here it is no such file", applies: target("/loop")},
	{why: "nginx answers 400 to a path that leaves the root, others clamp it", applies: target("/../f11")},
	{why: "nginx answers 416 to ranges that are malformed, or of nothing; here they are ignored", applies: oddRange},
	{why: "nginx looks at Range for HEAD; RFC 9110 section 14.2 defines it for GET alone", applies: func(q generated, ours, theirs answer) bool {
		return q.method == "HEAD" && q.has("Range") && (theirs.StatusCode == 206 || theirs.StatusCode == 416)
	}},
	{why: "nginx compares If-Modified-Since for equality; RFC 9110 section 13.1.3 says not later", applies: func(q generated, ours, theirs answer) bool {
		return q.has("If-Modified-Since") && ours.StatusCode == 304 && theirs.StatusCode != 412
	}},
	{why: "nginx evaluates If-Modified-Since beside If-None-Match; RFC 9110 section 13.1.3 has it ignored", applies: func(q generated, ours, theirs answer) bool {
		return q.has("If-Modified-Since") && q.has("If-None-Match") && ours.StatusCode == 304
	}},
	{why: "nginx takes an unreadable If-Unmodified-Since for a date long ago; RFC 9110 section 13.1.4 has it ignored", applies: func(q generated, ours, theirs answer) bool {
		return q.value("If-Unmodified-Since") == "junk" && theirs.StatusCode == 412
	}},
	{why: "nginx evaluates If-Unmodified-Since beside If-Match; RFC 9110 section 13.1.4 has it ignored", applies: func(q generated, ours, theirs answer) bool {
		return q.has("If-Unmodified-Since") && q.has("If-Match") && theirs.StatusCode == 412
	}},
	{why: "nginx does not know the length of a listing, and closes for HTTP/1.0", applies: func(q generated, ours, theirs answer) bool {
		return q.target == "/dir/" && q.minor == "0" && theirs.StatusCode == ours.StatusCode
	}},
	{why: "nginx gives listings the date 1970, here they have none to compare", applies: func(q generated, ours, theirs answer) bool {
		return q.target == "/dir/" && (q.has("If-Unmodified-Since") || q.has("If-Modified-Since"))
	}},
}
