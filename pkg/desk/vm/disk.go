package vm

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// Format makes a disk of size bytes in file, with an ext4 file system that
// holds what the directory dir does.
func Format(ctx context.Context, file, dir string, size int64) error {
	if err := os.RemoveAll(file); err != nil {
		return err
	}
	// Nothing is left for the kernel to do in the background: a recording holds
	// the programs' writes.
	_, err := run(ctx, "", "mkfs.ext4", "-q", "-F", "-E", "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0",
		"-d", dir, file, strconv.FormatInt(size/1024, 10)+"k")
	return err
}

// Copy copies a disk, and leaves holes where it holds zeros.
func Copy(ctx context.Context, from, to string) error {
	_, err := run(ctx, "", "cp", "--sparse=always", "--reflink=auto", from, to)
	return err
}

// Check replays the journal of the disk in file and checks its file system. The
// error says that it needs hands: nothing of the kind may be left by a cut.
func Check(ctx context.Context, file string) error {
	code, err := run(ctx, "", "e2fsck", "-f", "-p", file)
	if code == 1 { // mended, as after each cut: e2fsck(8)
		return nil
	}
	return err
}

// Extract copies the directory path of a checked disk into the directory to,
// which is made. What is not there leaves nothing.
func Extract(ctx context.Context, file, path, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if _, err := run(ctx, to, "debugfs", "-R", fmt.Sprintf("rdump %s .", path), file); err != nil {
		return err
	}
	return nil
}
