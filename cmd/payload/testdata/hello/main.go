// Hello stands for an agent in the tests of the packing: it shows what it was
// given and exits with a code of its own.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Printf("%q\n", os.Args[1:])
	os.Exit(7)
}
