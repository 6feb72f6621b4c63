package http1_test

import (
	"fmt"
	"io"
	"net"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// A client asks for the last bytes of a file, a server answers, and the client
// knows from the framing that it has all of them.
func Example() {
	client, server := net.Pipe()
	go answer(server, "a line\nthe last line\n")

	client.Write(http1.Head(nil).Request("GET", "/var/log/syslog").Field("Host", "10.2.1.8:10101").Field("Range", "bytes=-14").End())
	res, body, err := http1.NewReader(client).ReadResponse("GET")
	if err != nil {
		fmt.Println(err)
		return
	}
	where, _ := res.Header.Get("Content-Range")
	text, err := io.ReadAll(body)
	fmt.Printf("%d, %s\n%s%v, %t\n", res.Status, where, text, err, body.ProvenEnd())
	// Output:
	// 206, bytes 7-20/21
	// the last line
	// <nil>, true
}

func answer(conn net.Conn, file string) {
	defer conn.Close()
	q, err := http1.NewReader(conn).ReadRequest()
	if err != nil {
		return // with *http1.Error, the status to refuse it with
	}
	value, _ := q.Header.Get("Range")
	ranges, satisfiable := http1.ParseRange(value, int64(len(file)))
	if !satisfiable || len(ranges) != 1 {
		conn.Write(http1.Head(nil).Status(416).Int("Content-Length", 0).End())
		return
	}
	r := ranges[0]
	h := http1.Head(nil).Status(206).
		Field("Date", string(http1.AppendDate(nil, time.Now()))).
		Field("Content-Range", string(http1.AppendContentRange(nil, r, int64(len(file))))).
		Int("Content-Length", r.Len()).End()
	conn.Write(append(h, file[r.Start:r.End]...))
}

// A field of a list may come in several lines, and is read as one.
func ExampleHeader_List() {
	h := http1.Header{{Name: "If-None-Match", Value: `"a,b", W/"c"`}, {Name: "if-none-match", Value: `"d"`}}
	h.List("If-None-Match", func(tag string) bool {
		fmt.Println(tag)
		return true
	})
	fmt.Println(http1.MatchETag(h, "If-None-Match", `"c"`, true))
	// Output:
	// "a,b"
	// W/"c"
	// "d"
	// true
}
