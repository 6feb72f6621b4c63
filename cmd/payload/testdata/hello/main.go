// Hello stands for an agent in the tests of the packing: it shows what it was
// given and exits with a code of its own.
package main

import (
	"fmt"
	"os"
)

// version is set by the linker where two versions meet.
var version string

func main() {
	fmt.Printf("%s%q\n", version, os.Args[1:])
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		return
	}
	os.Exit(7)
}
