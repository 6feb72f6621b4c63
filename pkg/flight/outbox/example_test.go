package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"payload-ipc/pkg/flight/outbox"
)

// A window ends in the middle of a file; the next one goes on from what was
// proven, and publishes the whole with a receipt.
func Example() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	c := outbox.Config{Stage: filepath.Join(dir, "persist"), Outbox: filepath.Join(dir, "outbox"), Run: "fm1-1"}
	os.Mkdir(c.Outbox, 0o755)

	for _, bytes := range []string{"first half, ", "second half\n"} {
		if err := pass(c, bytes); err != nil {
			fmt.Println(err)
		}
		published, _ := filepath.Glob(c.Outbox + "/*")
		fmt.Println(len(published), "files in the outbox")
	}
	text, _ := os.ReadFile(c.Outbox + "/log")
	fmt.Printf("%s", text)
	// Output:
	// 12 bytes proven
	// 0 files in the outbox
	// 24 bytes proven
	// 2 files in the outbox
	// first half, second half
}

// pass is one window.
func pass(c outbox.Config, bytes string) error {
	stage, err := outbox.Open(c)
	if err != nil {
		return err
	}
	defer stage.Close()
	target, err := stage.Target("log", "/var/log/syslog")
	if err != nil {
		return err
	}
	var part *outbox.Part
	if left := target.Parts(); len(left) > 0 {
		part = left[0]
	} else if part, err = target.New(outbox.Identity{Total: 24}); err != nil {
		return err
	}
	defer part.Close() // what is not published stays on the stage

	if err := part.Append([]byte(bytes)); err != nil {
		return err
	}
	// Here a digest of the server's would be compared.
	if err := part.Prove(); err != nil {
		return err
	}
	fmt.Println(part.Proven(), "bytes proven")
	if part.Proven() < part.Identity().Total {
		return nil
	}
	published, err := part.Publish(context.Background())
	if err != nil {
		return err
	}
	r := outbox.Receipt{Run: c.Run, Source: "/var/log/syslog", Status: "complete", Total: 24, Verified: outbox.VerifiedDigest}
	r.Bytes(published)
	return target.PublishReceipt(&r)
}
