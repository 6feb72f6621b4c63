package http1

import "io"

type chunkState uint8

const (
	chunkFirst chunkState = iota
	chunkData             // a chunk's data, and then its CRLF
	chunkEnd              // past the last chunk
)

// nextChunk reads a chunk's head, and behind the last chunk the trailer (RFC
// 9112 section 7.1). Extensions and trailer fields are dropped. Line ends are
// CRLF only here: lenience about them is how messages are smuggled. With the
// last chunk the body is whole (section 8): what follows may be dropped
// (section 7.1.2), whatever it is, and only decides whether the connection can
// be used again.
func (b *Body) nextChunk() error {
	if b.state == chunkData {
		if end, err := b.r.line(true, errChunk); err != nil {
			return err
		} else if len(end) > 0 {
			return errChunk
		}
	}
	line, err := b.r.line(true, errChunk)
	if err != nil {
		return err
	}
	n, ok := chunkSize(line)
	if !ok {
		return errChunk
	}
	b.state, b.left = chunkData, n
	if n > 0 {
		return nil
	}
	b.state = chunkEnd
	for range MaxFields {
		if line, err = b.r.line(true, errChunk); err != nil || len(line) == 0 {
			b.clean = err == nil
			break
		}
	}
	return nil
}

var errChunk = bad("malformed chunk")

// chunkSize reads 1*HEXDIG up to the extension. Fifteen digits are more than
// any file has and cannot overflow.
func chunkSize(line []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(line); i++ {
		d, hex := unhex(line[i])
		if !hex {
			break
		}
		if i == 15 {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	rest := trimOWS(string(line[i:]))
	return n, i > 0 && (rest == "" || rest[0] == ';')
}

// A ChunkWriter writes a body whose length nobody knows yet. Each Write
// becomes a chunk: write large pieces.
type ChunkWriter struct {
	W   io.Writer
	buf []byte
}

// Write writes p as one chunk; nothing for an empty p, which would be the end.
func (c *ChunkWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.buf = append(appendHex(c.buf[:0], uint64(len(p))), "\r\n"...)
	c.buf = append(append(c.buf, p...), "\r\n"...)
	if _, err := c.W.Write(c.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes the last chunk. Without it the body is cut, and seen to be.
func (c *ChunkWriter) Close() error {
	_, err := io.WriteString(c.W, "0\r\n\r\n")
	return err
}

func appendHex(dst []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	shift := 60
	for shift > 0 && n>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return dst
}
