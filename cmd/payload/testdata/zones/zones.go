// Command zones prints what package time makes of UTC, of fixed zones and of
// local time.
package main

import (
	"fmt"
	"time"
)

func main() {
	places := []*time.Location{
		nil, time.UTC, time.Local, time.FixedZone("", 0), time.FixedZone("", 3600), time.FixedZone("", -12*3600), time.FixedZone("", 5*3600+1800),
		time.FixedZone("CET", 3600), time.FixedZone("", 15*3600), time.FixedZone("odd", -1),
	}
	for _, l := range places {
		fmt.Printf("%v\n", l)
		for _, u := range []int64{0, -1, 1 << 31, 1796409304, -62135596800, 253402300799, 1 << 40} {
			t := time.Unix(u, 999)
			if l != nil {
				t = t.In(l)
				y, m, d := t.Date()
				fmt.Println(time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 999, l).Equal(t))
			}
			name, offset := t.Zone()
			start, end := t.ZoneBounds()
			fmt.Println(t, t.Format(time.RFC3339Nano), t.Format(time.RFC1123), name, offset, start, end, t.IsDST(), t.Location(), t.UTC(), t.Local(), t.YearDay(), t.Weekday())
		}
		if l == nil {
			continue
		}
		for _, s := range []string{"Mon, 02 Jan 2006 15:04:05 CET", "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05 UTC", "Mon, 02 Jan 2006 15:04:05 ODD"} {
			t, err := time.ParseInLocation(time.RFC1123, s, l)
			fmt.Println(t, err)
		}
	}
	for _, s := range []string{
		"2026-12-04T18:34:14Z", "2026-12-04T18:34:14+01:00", "2026-12-04T18:34:14.5-11:59", "2026-12-04T18:34:14+24:00", "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59-23:59", "2026-02-29T00:00:00Z", "2026-12-04 18:34:14Z",
	} {
		t, err := time.Parse(time.RFC3339, s)
		fmt.Println(t, t.Unix(), err)
	}
}
