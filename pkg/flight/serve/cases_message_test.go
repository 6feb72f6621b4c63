package serve

import (
	"strconv"
	"strings"
)

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("X" + strconv.Itoa(i) + ": y\r\n")
	}
	return b.String()
}

var framingCases = []row{
	{"content-length: 31, and no reading on", "GET /f11" + h + "Content-Length: 31\r\n\r\n{N}", "413 close", "", "*"},
	{"content-length: 0", "GET /f11" + h + "Content-Length: 0\r\n\r\n{N}", "200 404 open", "", f11},
	{"content-length: several zeros", "GET /f11" + h + "Content-Length: 000\r\n\r\n{N}", "200 404 open", "", f11},
	{"content-length: letters", "GET /f11" + h + "Content-Length: abc\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: plus sign", "GET /f11" + h + "Content-Length: +5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: hexadecimal", "GET /f11" + h + "Content-Length: 0x5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: fraction", "GET /f11" + h + "Content-Length: 5.0\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: two numbers and a space", "GET /f11" + h + "Content-Length: 5 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: quoted", "GET /f11" + h + "Content-Length: \"5\"\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: negative", "GET /f11" + h + "Content-Length: -1\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: minus zero", "GET /f11" + h + "Content-Length: -0\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: empty", "GET /f11" + h + "Content-Length:\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: only a space", "GET /f11" + h + "Content-Length: \r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: exponent", "GET /f11" + h + "Content-Length: 1e1\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: underscore", "GET /f11" + h + "Content-Length: 1_0\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: 20 digits", "GET /f11" + h + "Content-Length: 99999999999999999999\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: 5 after an overflow of 64 bits", "GET /f11" + h + "Content-Length: 18446744073709551621\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: largest int64", "GET /f11" + h + "Content-Length: 9223372036854775807\r\n\r\n{N}", "413 close", "", "*"},
	{"content-length: list of equal values", "GET /f11" + h + "Content-Length: 5, 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: list of different values", "GET /f11" + h + "Content-Length: 5, 6\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: two fields that differ", "GET /f11" + h + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: 0, then 31 in other case", "GET /f11" + h + "Content-Length: 0\r\ncontent-length: 31\r\n\r\n{N}", "400 close", "", "*"},
	{"content-length: two fields that agree", "GET /f11" + h + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"content-length: space before the colon", "GET /f11" + h + "Content-Length : 31\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: chunked", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"transfer-encoding: chunked in upper case, empty body", "GET /f11" + h + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"transfer-encoding: content-length behind it", "GET /f11" + h + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: content-length of 0 before it", "GET /f11" + h + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: in http 1.0", "GET /f11 HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: gzip", "GET /f11" + h + "Transfer-Encoding: gzip\r\n\r\n{N}", "501 close", "", "*"},
	{"transfer-encoding: identity", "GET /f11" + h + "Transfer-Encoding: identity\r\n\r\n{N}", "501 close", "", "*"},
	{"transfer-encoding: gzip, then chunked", "GET /f11" + h + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: chunked, then gzip", "GET /f11" + h + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: chunked twice", "GET /f11" + h + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: identity in a second field", "GET /f11" + h + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: a name that ends in chunked", "GET /f11" + h + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: quoted", "GET /f11" + h + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: parameter", "GET /f11" + h + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"transfer-encoding: space before the colon", "GET /f11" + h + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: vertical tab in front", "GET /f11" + h + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: empty", "GET /f11" + h + "Transfer-Encoding:\r\n\r\n{N}", "400 close", "", "*"},
	{"transfer-encoding: line end in a chunk extension", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\n5;ext=\"\r\n\"\r\nhello\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"transfer-encoding: chunk size of 17 digits", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{N}", "413|400 close", "", "*"},
	{"content-length: 5, head", "HEAD /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "413 close", "", ""},
	{"expect: 100-continue of a post", "POST /f11" + h + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"expect: 100-continue with a body", "GET /f11" + h + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "413 close", "", "*"},
	{"expect: 100-continue without a body", "GET /f11" + h + "Expect: 100-continue\r\n\r\n", "200 open", "", f11},
	{"expect: 100-continue in upper case", "GET /f11" + h + "Expect: 100-CONTINUE\r\n\r\n", "200 open", "", f11},
	{"expect: 100-continue in http 1.0", "GET /f11 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "413 close", "", "*"},
	{"expect: unknown", "GET /f11" + h + "Expect: foo\r\n\r\n", "417 open", "", "*"},
	{"upgrade: websocket is not offered", "GET /f11" + h + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "200 open", "!Upgrade", f11},
	{"upgrade: h2c is not offered", "GET /f11" + h + "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200 open", "!Upgrade", f11},
	{"te and trailer: nothing chunked comes of them", "GET /f11" + h + "Trailer: X\r\nTE: trailers\r\n\r\n", "200 open", "!Transfer-Encoding", f11},
}

var methodCases = []row{
	{"head: fields as of a get, no body", "HEAD /f11" + h + "\r\n", "200 open", "Content-Length: 11\nLast-Modified: {LM}\nETag: {E}\nAccept-Ranges: bytes", ""},
	{"head: file not there", "HEAD /nope" + h + "\r\n{N}", "404 404 open", "", ""},
	{"head: directory without the slash", "HEAD /dir" + h + "\r\n", "301 open", "Location: /dir/", ""},
	{"head: listing", "HEAD /dir/" + h + "\r\n{N}", "200 404 open", "Content-Length", ""},
	{"head: fifo", "HEAD /fifo" + h + "\r\n{N}", "403 404 open", "", ""},
	{"post: with a body", "POST /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"put: with a body", "PUT /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"post: chunked", "POST /f11" + h + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"post: file not there", "POST /nope" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"delete", "DELETE /f11" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"patch", "PATCH /f11" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"unknown method", "FOO /f11" + h + "\r\n", "501 open", "", "*"},
	{"unknown method: with a body", "FOO /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "501 close", "", "*"},
	{"method: get in lower case", "get /f11" + h + "\r\n", "501 open", "", "*"},
	{"method: head in mixed case", "Head /f11" + h + "\r\n", "501 open", "", "*"},
	{"options: asterisk", "OPTIONS *" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS\n!Content-Length", ""},
	{"options: file", "OPTIONS /f11" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"options: file not there", "OPTIONS /nope" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"options: max-forwards", "OPTIONS *" + h + "Max-Forwards: 0\r\n\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"connect: authority form", "CONNECT a:80" + h + "\r\n", "405|501 open", "", "*"},
	{"connect: path", "CONNECT /f11" + h + "\r\n", "400 close", "", "*"},
	{"trace", "TRACE /" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"trace: repeats no cookie", "TRACE /" + h + "Cookie: secret\r\n\r\n", "405 open", "", "Method Not Allowed: this server only reads\n"},
}

var connectionCases = []row{
	{"pipelining: three requests", "GET /f11" + h + "\r\nGET /f11" + h + "\r\n{N}", "200 200 404 open", "", f11},
	{"pipelining: not found, then head", "GET /nope" + h + "\r\nHEAD /f11" + h + "Connection: close\r\n\r\n", "404 200 close", "", "*"},
	{"pipelining: second request is bad", "GET /f11" + h + "\r\nGET /f11 HTTP/1.1\r\n\r\n{N}", "200 400 close", "", f11},
	{"pipelining: empty line in between", "GET /f11" + h + "\r\n\r\n\r\nGET /f11" + h + "\r\n", "200 200 open", "", f11},
	{"connection: http 1.0 closes", "GET /f11 HTTP/1.0\r\n\r\n{N}", "200 close", "Connection: close", f11},
	{"connection: close", "GET /f11" + h + "Connection: close\r\n\r\n{N}", "200 close", "", f11},
	{"connection: close in a list, upper case", "GET /f11" + h + "Connection: foo, CLOSE\r\n\r\n{N}", "200 close", "", f11},
	{"connection: close in a second field", "GET /f11" + h + "Connection: foo\r\nConnection: close\r\n\r\n{N}", "200 close", "", f11},
	{"connection: empty members around close", "GET /f11" + h + "Connection: , ,close,\r\n\r\n{N}", "200 close", "", f11},
	{"connection: a word that begins with close", "GET /f11" + h + "Connection: closed\r\n\r\n{N}", "200 404 open", "", f11},
	{"connection: keep-alive", "GET /f11" + h + "Connection: keep-alive\r\n\r\n{N}", "200 404 open", "", f11},
	{"connection: keep-alive in http 1.0", "GET /f11 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n{N}", "200 404 open", "Connection: keep-alive", f11},
	{"connection: keep-alive in http 1.0, head", "HEAD /f11 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{N}", "200 404 open", "Connection: keep-alive", ""},
	{"connection: keep-alive and close in http 1.0", "GET /f11 HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n{N}", "200 close", "", f11},
	{"connection: closes after a bad request", "GET / HTTP/1.1\r\n\r\n{N}", "400 close", "Date", "*"},
	{"connection: close of a file not there", "GET /nope" + h + "Connection: close\r\n\r\n{N}", "404 close", "", "*"},
	{"connection: a fifo keeps it open", "GET /fifo" + h + "\r\n{N}", "403 404 open", "", "*"},
}
