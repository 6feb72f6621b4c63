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
	{"55", "GET /f11" + h + "Content-Length: 31\r\n\r\n{N}", "413 close", "", "*"},
	{"55a", "GET /f11" + h + "Content-Length: 0\r\n\r\n{N}", "200 404 open", "", f11},
	{"55b", "GET /f11" + h + "Content-Length: 000\r\n\r\n{N}", "200 404 open", "", f11},
	{"56", "GET /f11" + h + "Content-Length: abc\r\n\r\n{N}", "400 close", "", "*"},
	{"57", "GET /f11" + h + "Content-Length: +5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"57a", "GET /f11" + h + "Content-Length: 0x5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"57b", "GET /f11" + h + "Content-Length: 5.0\r\n\r\nhello{N}", "400 close", "", "*"},
	{"57c", "GET /f11" + h + "Content-Length: 5 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"57d", "GET /f11" + h + "Content-Length: \"5\"\r\n\r\nhello{N}", "400 close", "", "*"},
	{"58", "GET /f11" + h + "Content-Length: -1\r\n\r\n{N}", "400 close", "", "*"},
	{"58a", "GET /f11" + h + "Content-Length: -0\r\n\r\n{N}", "400 close", "", "*"},
	{"59", "GET /f11" + h + "Content-Length:\r\n\r\n{N}", "400 close", "", "*"},
	{"60", "GET /f11" + h + "Content-Length: \r\n\r\n{N}", "400 close", "", "*"},
	{"60a", "GET /f11" + h + "Content-Length: 1e1\r\n\r\n{N}", "400 close", "", "*"},
	{"61", "GET /f11" + h + "Content-Length: 1_0\r\n\r\n{N}", "400 close", "", "*"},
	{"62", "GET /f11" + h + "Content-Length: 99999999999999999999\r\n\r\n{N}", "400 close", "", "*"},
	{"62a", "GET /f11" + h + "Content-Length: 18446744073709551621\r\n\r\nhello{N}", "400 close", "", "*"},
	{"62b", "GET /f11" + h + "Content-Length: 9223372036854775807\r\n\r\n{N}", "413 close", "", "*"},
	{"63", "GET /f11" + h + "Content-Length: 5, 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"64", "GET /f11" + h + "Content-Length: 5, 6\r\n\r\n{N}", "400 close", "", "*"},
	{"64a", "GET /f11" + h + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{N}", "400 close", "", "*"},
	{"64b", "GET /f11" + h + "Content-Length: 0\r\ncontent-length: 31\r\n\r\n{N}", "400 close", "", "*"},
	{"65", "GET /f11" + h + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello{N}", "400 close", "", "*"},
	{"66", "GET /f11" + h + "Content-Length : 31\r\n\r\n{N}", "400 close", "", "*"},
	{"67", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"67a", "GET /f11" + h + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"68", "GET /f11" + h + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"68a", "GET /f11" + h + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"69", "GET /f11 HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"70", "GET /f11" + h + "Transfer-Encoding: gzip\r\n\r\n{N}", "501 close", "", "*"},
	{"71", "GET /f11" + h + "Transfer-Encoding: identity\r\n\r\n{N}", "501 close", "", "*"},
	{"72", "GET /f11" + h + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72a", "GET /f11" + h + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72b", "GET /f11" + h + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72c", "GET /f11" + h + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72d", "GET /f11" + h + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72e", "GET /f11" + h + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72f", "GET /f11" + h + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n{N}", "501|400 close", "", "*"},
	{"72g", "GET /f11" + h + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"73", "GET /f11" + h + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{N}", "400 close", "", "*"},
	{"74", "GET /f11" + h + "Transfer-Encoding:\r\n\r\n{N}", "400 close", "", "*"},
	{"75", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\n5;ext=\"\r\n\"\r\nhello\r\n0\r\n\r\n{N}", "413 close", "", "*"},
	{"76", "GET /f11" + h + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{N}", "413|400 close", "", "*"},
	{"77", "HEAD /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "413 close", "", ""},
	{"78", "POST /f11" + h + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"78a", "GET /f11" + h + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "413 close", "", "*"},
	{"78b", "GET /f11" + h + "Expect: 100-continue\r\n\r\n", "200 open", "", f11},
	{"78c", "GET /f11" + h + "Expect: 100-CONTINUE\r\n\r\n", "200 open", "", f11},
	{"79", "GET /f11 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "413 close", "", "*"},
	{"80", "GET /f11" + h + "Expect: foo\r\n\r\n", "417 open", "", "*"},
	{"81", "GET /f11" + h + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "200 open", "!Upgrade", f11},
	{"81a", "GET /f11" + h + "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200 open", "!Upgrade", f11},
	{"81b", "GET /f11" + h + "Trailer: X\r\nTE: trailers\r\n\r\n", "200 open", "!Transfer-Encoding", f11},
}

var methodCases = []row{
	{"82", "HEAD /f11" + h + "\r\n", "200 open", "Content-Length: 11\nLast-Modified: {LM}\nETag: {E}\nAccept-Ranges: bytes", ""},
	{"83", "HEAD /nope" + h + "\r\n{N}", "404 404 open", "", ""},
	{"83a", "HEAD /dir" + h + "\r\n", "301 open", "Location: /dir/", ""},
	{"83b", "HEAD /dir/" + h + "\r\n{N}", "200 404 open", "Content-Length", ""},
	{"83c", "HEAD /fifo" + h + "\r\n{N}", "403 404 open", "", ""},
	{"84", "POST /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"84a", "PUT /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"84b", "POST /f11" + h + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{N}", "405 close", "Allow: GET, HEAD, OPTIONS", "*"},
	{"84c", "POST /nope" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"85", "DELETE /f11" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"85a", "PATCH /f11" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"86", "FOO /f11" + h + "\r\n", "501 open", "", "*"},
	{"86a", "FOO /f11" + h + "Content-Length: 5\r\n\r\nhello{N}", "501 close", "", "*"},
	{"87", "get /f11" + h + "\r\n", "501 open", "", "*"},
	{"87a", "Head /f11" + h + "\r\n", "501 open", "", "*"},
	{"88", "OPTIONS *" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS\n!Content-Length", ""},
	{"89", "OPTIONS /f11" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"89a", "OPTIONS /nope" + h + "\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"90", "OPTIONS *" + h + "Max-Forwards: 0\r\n\r\n", "204 open", "Allow: GET, HEAD, OPTIONS", ""},
	{"90a", "CONNECT a:80" + h + "\r\n", "405|501 open", "", "*"},
	{"90b", "CONNECT /f11" + h + "\r\n", "400 close", "", "*"},
	{"91", "TRACE /" + h + "\r\n", "405 open", "Allow: GET, HEAD, OPTIONS", "*"},
	{"91a", "TRACE /" + h + "Cookie: secret\r\n\r\n", "405 open", "", "Method Not Allowed: this server only reads\n"},
}

var connectionCases = []row{
	{"92", "GET /f11" + h + "\r\nGET /f11" + h + "\r\n{N}", "200 200 404 open", "", f11},
	{"92a", "GET /nope" + h + "\r\nHEAD /f11" + h + "Connection: close\r\n\r\n", "404 200 close", "", "*"},
	{"92b", "GET /f11" + h + "\r\nGET /f11 HTTP/1.1\r\n\r\n{N}", "200 400 close", "", f11},
	{"92c", "GET /f11" + h + "\r\n\r\n\r\nGET /f11" + h + "\r\n", "200 200 open", "", f11},
	{"93", "GET /f11 HTTP/1.0\r\n\r\n{N}", "200 close", "Connection: close", f11},
	{"93a", "GET /f11" + h + "Connection: close\r\n\r\n{N}", "200 close", "", f11},
	{"94", "GET /f11" + h + "Connection: foo, CLOSE\r\n\r\n{N}", "200 close", "", f11},
	{"95", "GET /f11" + h + "Connection: foo\r\nConnection: close\r\n\r\n{N}", "200 close", "", f11},
	{"95a", "GET /f11" + h + "Connection: , ,close,\r\n\r\n{N}", "200 close", "", f11},
	{"95b", "GET /f11" + h + "Connection: closed\r\n\r\n{N}", "200 404 open", "", f11},
	{"95c", "GET /f11" + h + "Connection: keep-alive\r\n\r\n{N}", "200 404 open", "", f11},
	{"96", "GET /f11 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n{N}", "200 404 open", "Connection: keep-alive", f11},
	{"96a", "HEAD /f11 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{N}", "200 404 open", "Connection: keep-alive", ""},
	{"97", "GET /f11 HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n{N}", "200 close", "", f11},
	{"98", "GET / HTTP/1.1\r\n\r\n{N}", "400 close", "Date", "*"},
	{"98a", "GET /nope" + h + "Connection: close\r\n\r\n{N}", "404 close", "", "*"},
	{"98b", "GET /fifo" + h + "\r\n{N}", "403 404 open", "", "*"},
}
