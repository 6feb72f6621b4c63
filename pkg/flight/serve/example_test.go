package serve_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"payload-ipc/pkg/flight/serve"
	"payload-ipc/pkg/flight/window"
)

// A directory is shared until the window ends. The snapshot in
// Content-Location means the file as it was, wherever it is renamed to.
func ExampleServer() {
	root, err := os.MkdirTemp("", "serve")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	os.WriteFile(filepath.Join(root, "syslog"), []byte("0123456789\n"), 0o644)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	url := "http://" + ln.Addr().String()

	w := window.Spec{}.Open() // without Until and For it ends with Close
	s := serve.Server{Root: root, Window: w}
	done := make(chan serve.Summary)
	go func() {
		sum, err := s.Serve(context.Background(), ln)
		if err != nil {
			fmt.Println(err)
		}
		done <- sum
	}()

	snapshot := ask(url + "/syslog").Header.Get("Content-Location")
	os.Rename(filepath.Join(root, "syslog"), filepath.Join(root, "syslog.1"))
	ask(url + "/syslog")
	ask(url + snapshot)

	w.Close()
	sum := <-done
	fmt.Println(sum.Requests, "requests,", sum.Clients, "client")
	// Output:
	// 206 "2345"
	// 404 "Not Found: no such file\n"
	// 206 "2345"
	// 3 requests, 1 client
}

// ask asks for the bytes 2 to 5.
func ask(url string) *http.Response {
	q, _ := http.NewRequest("GET", url, nil)
	q.Header.Set("Range", "bytes=2-5")
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d %q\n", res.StatusCode, body)
	return res
}
