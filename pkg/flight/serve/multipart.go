package serve

import (
	"strconv"

	"payload-ipc/pkg/flight/http1"
)

// sendParts sends a multipart/byteranges body (RFC 9110 section 14.6).
func (x *exchange) sendParts(h http1.Head, c *content, ranges []http1.Range) error {
	// Nobody who writes a file knows the instant at which a part of it is sent.
	boundary := "part-" + strconv.FormatInt(x.began.UnixNano(), 36) + "-" + strconv.FormatInt(int64(x.r.Window.Elapsed()), 36)
	parts := make([]http1.Head, len(ranges)+1)
	total := int64(0)
	for i, r := range ranges {
		p := append(http1.Head("\r\n--"), boundary...)
		p = append(p, "\r\n"...).Field("Content-Type", c.ctype)
		p = append(http1.AppendContentRange(append(p, "Content-Range: "...), r, c.size), "\r\n"...)
		parts[i] = p.End()
		total += int64(len(parts[i])) + r.Len()
	}
	last := append(append(http1.Head("\r\n--"), boundary...), "--\r\n"...)
	parts[len(ranges)] = last
	total += int64(len(last))
	h = h.Field("Content-Type", "multipart/byteranges; boundary="+boundary)
	x.out = x.end(h.Int("Content-Length", total))
	for i, p := range parts {
		if err := x.body(p); err != nil {
			return err
		}
		if i < len(ranges) {
			if err := x.sendRange(c, ranges[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
