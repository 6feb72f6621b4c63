// Command fileserver is what a Go programmer writes in a minute: the peer that
// sdr-serve is measured against.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], http.FileServer(http.Dir(os.Args[2]))))
}
