// Package serve is a read-only HTTP/1.1 file server for a live Linux system.
// It never opens anything but regular files and directories, frames /proc and
// /sys by what they really hold, cuts an answer rather than padding it, and is
// gone when its window ends. docs/wire.md is what it speaks.
//
// Symbolic links are followed, also out of Root: Root is where the tree
// begins, not a wall. The wall is Server.Allow.
package serve
