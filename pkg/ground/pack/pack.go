// Package pack makes a flight program smaller than the linker leaves it,
// without changing what it does. Each byte is uplinked, at 125 KB a day
// (docs/platform.md, "Uplink").
//
// Strip takes out of the program what only serves to print names and lines.
// Filter rewrites it, reversibly, so that xz finds more in it: xz 5.4 has such
// a filter for arm64, the xz 5.2 of the payloads has not. What undoes it on
// the payload is a program of its own of 4,096 bytes, half of them empty, in
// front of the result.
package pack
