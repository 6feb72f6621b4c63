package agent

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"payload-ipc/pkg/flight/sign"
)

// readKey is the key that --key or --key-file gives, nil where neither is given.
// Nothing that it returns repeats a digit of it: errors are logged, and the log
// is sent down.
func (c *Command) readKey() (key *sign.Key, err error) {
	flag, text := "--key", c.key
	switch byFile := c.Flags.Changed("key-file"); {
	case byFile && c.Flags.Changed(flag[2:]):
		return nil, errors.New("--key, --key-file: want one of them, not both")
	case byFile:
		flag = "--key-file"
		text, err = readLine(c.keyFile)
	case !c.Flags.Changed(flag[2:]):
		return nil, nil
	}
	if err == nil {
		key, err = sign.ParseKey(text)
	}
	if err != nil {
		err = errors.New(flag + ": " + Safe(err.Error()))
	}
	return key, err
}

// readLine reads a short file, without the white space around it. A FIFO that
// nobody writes to must not hold up the window.
func readLine(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 256)
	n, err := f.Read(b)
	if err == io.EOF {
		err = nil
	}
	return strings.Trim(string(b[:n]), " \t\r\n"), err
}
