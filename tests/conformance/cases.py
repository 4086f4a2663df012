"""Requests as bytes, good and hostile, and what a strict HTTP/1.1 server does with each (RFC 9110, RFC 9112).

A case's `expected` is a set of statuses, or one of
SERVED   understood: any answer that finds no fault with the HTTP of it (2xx, 3xx, 401, 404, 405, ...)
WAITS    incomplete: no answer yet, and the connection stays open
A refusal must be answered; closing without a word is not one. `tests/http/request_examples.hpp` has the finer
grain of the same rules, for our parser alone.
"""

SERVED = "served"
WAITS = "waits"
FAULT = frozenset({400, 408, 411, 413, 414, 417, 421, 431, 500, 501, 502, 503, 505})
BAD = frozenset({400})

HOST = b"Host: localhost\r\n"


class Case:
    def __init__(self, group, name, data, expected):
        self.group = group
        self.name = name
        self.data = data
        self.expected = expected if isinstance(expected, str) else frozenset(expected)

    @property
    def is_old(self):
        """HTTP/1.0: the connection may be closed behind the answer."""
        return b" HTTP/1.0\r\n" in self.data

    @property
    def well_framed(self):
        """Where it ends is clear, so a server that refuses it may read on."""
        return not isinstance(self.expected, str) and bool(self.expected & {405, 417})

    @property
    def says(self):
        return self.expected if isinstance(self.expected, str) else "/".join(map(str, sorted(self.expected)))


def line(text, headers=HOST):
    return text + b"\r\n" + headers + b"\r\n"


def get(headers=b"", target=b"/"):
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


def post(headers, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def chunked(body):
    return post(b"Transfer-Encoding: chunked\r\n", body)


def named(group, expected, *cases):
    return [Case(group, name, data, expected) for name, data in cases]


REQUEST_LINE = [
    *named("request line", SERVED, ("GET", get()), ("HEAD", line(b"HEAD / HTTP/1.1")), ("POST without a body", post(b"")),
           ("HTTP/1.0 without Host", b"GET / HTTP/1.0\r\n\r\n"), ("one empty line in front", b"\r\n" + get()),
           ("OPTIONS *", line(b"OPTIONS * HTTP/1.1"))),
    *named("request line", BAD,
           ("blank in front", b" " + get()), ("two blanks", line(b"GET  / HTTP/1.1")), ("blank behind", line(b"GET / HTTP/1.1 ")),
           ("tabs", line(b"GET\t/\tHTTP/1.1")), ("no target", line(b"GET HTTP/1.1")), ("blank in the target", line(b"GET /a b HTTP/1.1")),
           ("method is no token", line(b"G@T / HTTP/1.1")), ("bare LF", b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
           ("bare CR", b"GET / HTTP/1.1\r" + HOST + b"\r\n"), ("two empty lines in front", b"\r\n\r\n" + get()),
           ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), ("HTTP/0.9", b"GET /\r\n"),
           ("GET *", line(b"GET * HTTP/1.1"))),
    *named("version", BAD, ("lower case", line(b"GET / http/1.1")), ("leading zero", line(b"GET / HTTP/01.1")),
           ("two digits", line(b"GET / HTTP/1.10")), ("no minor", line(b"GET / HTTP/1")), ("comma", line(b"GET / HTTP/1,1"))),
    *named("version", {400, 505}, ("1.2", line(b"GET / HTTP/1.2")), ("2.0", line(b"GET / HTTP/2.0")), ("9.9", line(b"GET / HTTP/9.9")),
           ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    *named("method", {405, 501}, ("unknown", line(b"BREW / HTTP/1.1")), ("TRACE", line(b"TRACE / HTTP/1.1"))),
    *named("method", {400, 405, 501}, ("lower case", line(b"get / HTTP/1.1")),
           ("CONNECT", b"CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n")),
]

TARGET = [
    *named("target", SERVED, ("absolute", get(target=b"http://localhost/")), ("absolute without a path", get(target=b"http://localhost")),
           ("%20", get(target=b"/a%20b")), ("query", get(target=b"/?a=b&c=?/")), ("%2F", get(target=b"/a%2Fb"))),
    *named("target", BAD, ("fragment", get(target=b"/a#b")), ("%zz", get(target=b"/%zz")), ("% at the end", get(target=b"/a%4")),
           ("%00", get(target=b"/a%00")), ("NUL", get(target=b"/a\x00b")), ("raw UTF-8", get(target=b"/\xc3\xa9")),
           ("DEL", get(target=b"/\x7f")), ("backslash", get(target=b"/a\\b")), ("quotes", get(target=b'/"a"')),
           ("relative", get(target=b"a")), ("userinfo", get(target=b"http://u@localhost/")), ("other scheme", get(target=b"ftp://localhost/")),
           ("no host", get(target=b"http:///"))),
]

HEADERS = [
    *named("host", SERVED, ("with port", line(b"GET / HTTP/1.1", b"Host: localhost:80\r\n")), ("IPv6", line(b"GET / HTTP/1.1", b"Host: [::1]\r\n")),
           ("tab in front", line(b"GET / HTTP/1.1", b"hoSt:\tlocalhost\r\n"))),
    *named("host", BAD, ("missing", line(b"GET / HTTP/1.1", b"")), ("empty", line(b"GET / HTTP/1.1", b"Host:\r\n")),
           ("twice", get(b"Host: b\r\n")), ("twice the same", get(HOST)), ("two in one", line(b"GET / HTTP/1.1", b"Host: a, b\r\n")),
           ("userinfo", line(b"GET / HTTP/1.1", b"Host: u@a\r\n")), ("path", line(b"GET / HTTP/1.1", b"Host: a/b\r\n")),
           ("blank inside", line(b"GET / HTTP/1.1", b"Host: a b\r\n")), ("port is no number", line(b"GET / HTTP/1.1", b"Host: a:b\r\n"))),
    *named("fields", SERVED, ("empty value", get(b"X:\r\n")), ("obs-text", get(b"X: caf\xc3\xa9\r\n")), ("tab inside", get(b"X: a\tb\r\n")),
           ("Upgrade is ignored", get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))),
    *named("fields", BAD, ("blank before the colon", get(b"X : y\r\n")), ("folded", get(b"X: y\r\n z\r\n")), ("no colon", get(b"X\r\n")),
           ("no name", get(b": y\r\n")), ("bracket in the name", get(b"X[: y\r\n")), ("non-ASCII name", get(b"X\xc3\xa9: y\r\n")),
           ("NUL", get(b"X: a\x00b\r\n")), ("control", get(b"X: a\x07b\r\n")), ("bare CR", get(b"X: a\rb\r\n")), ("bare LF", get(b"X: a\nY: b\r\n")),
           ("bare LF at the end", b"GET / HTTP/1.1\r\n" + HOST + b"\n"), ("blank line with a blank", b"GET / HTTP/1.1\r\n \r\n" + HOST + b"\r\n")),
    *named("expect", {417}, ("unknown", get(b"Expect: 200-ok\r\n"))),
]

FRAMING = [
    *named("length", SERVED, ("exact", post(b"Content-Length: 5\r\n", b"hello")), ("zero", post(b"Content-Length: 0\r\n"))),
    *named("length", BAD, *[(repr(value.decode("latin-1")), post(b"Content-Length: " + value + b"\r\n", b"hello")) for value in
                            (b"", b"abc", b"+5", b"-5", b"0x5", b"5a", b"5.0", b"1_0", b"1 0", b"5, 5", b"5, 6", b"5;", b"5\x00",
                             b"99999999999999999999999", b"\xb2")],
           ("twice the same", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")),
           ("twice", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello")), ("blank before the colon", post(b"Content-Length : 5\r\n", b"hello"))),
    *named("coding", SERVED, ("chunked", chunked(b"0\r\n\r\n")), ("Chunked", post(b"Transfer-Encoding: Chunked\r\n", b"0\r\n\r\n"))),
    *named("coding", BAD, ("with a length", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
           ("before a length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n")),
           ("in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           ("folded", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n")),
           ("blank before the colon", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"))),
    *named("coding", {400, 501}, *[(repr(value.decode("latin-1")), post(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n")) for value in
                                   (b"", b"xchunked", b"chunked, chunked", b"chunked, gzip", b"gzip", b"gzip, chunked", b"identity",
                                    b"\x0bchunked", b"\x0cchunked", b'"chunked"', b"chunked;a=b", b", chunked", b"chunked,")]),
    *named("chunks", SERVED, ("several", chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")), ("upper case", chunked(b"A\r\n0123456789\r\n0\r\n\r\n")),
           ("extension", chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n")), ("trailer", chunked(b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"))),
    *named("chunks", BAD, *[(repr(size.decode("latin-1")), chunked(size + b"\r\nhello\r\n0\r\n\r\n")) for size in
                            (b"", b"g", b"+5", b"-5", b"0x5", b" 5", b"5 ", b"5_0", b"5;", b"5;@", b"5;a\x00", b"5;a\rX", b"5;a\nX",
                             b"fffffffffffffffff")],
           ("LF behind the size", chunked(b"5\nhello\r\n0\r\n\r\n")), ("LF behind the data", chunked(b"5\r\nhello\n0\r\n\r\n")),
           ("nothing behind the data", chunked(b"5\r\nhello0\r\n\r\n")), ("more data than said", chunked(b"5\r\nhello world\r\n0\r\n\r\n")),
           ("bare LF at the end", chunked(b"0\r\n\n")), ("bad trailer", chunked(b"0\r\nX : y\r\n\r\n"))),
    *named("incomplete", WAITS, ("method", b"GE"), ("request line", b"GET / HTTP/1.1"), ("headers", b"GET / HTTP/1.1\r\n" + HOST),
           ("body", post(b"Content-Length: 6\r\n", b"hello")), ("chunk", chunked(b"5\r\nhel")), ("last chunk", chunked(b"5\r\nhello\r\n"))),
]

LIMITS = [
    *named("limits", SERVED, ("target of 8,000 bytes", get(target=b"/" + b"a" * 7999)), ("header of 7,000 bytes", get(b"X: " + b"a" * 7000 + b"\r\n"))),
    *named("limits", {414}, ("target of 100,000 bytes", get(target=b"/" + b"a" * 100_000))),
    *named("limits", {400, 414, 431, 501}, ("method of 100,000 bytes", line(b"A" * 100_000 + b" / HTTP/1.1"))),
    *named("limits", {400, 431}, ("header of 100,000 bytes", get(b"X: " + b"a" * 100_000 + b"\r\n")),
           ("name of 100,000 bytes", get(b"X" * 100_000 + b": a\r\n")), ("10,000 headers", get(b"".join(b"X-%d: a\r\n" % n for n in range(10_000)))),
           ("no line end in 100,000 bytes", get(b"X: " + b"a" * 100_000)[:-4])),
    *named("limits", {400, 413, 431}, ("chunk extension of 64 KiB", chunked(b"5;a=" + b"b" * 65536 + b"\r\nhello\r\n0\r\n\r\n"))),
    *named("limits", {413}, ("length of 10 GB", post(b"Content-Length: 10000000000\r\n")), ("chunk of 1 GB", chunked(b"40000000\r\n"))),
]

ALL = REQUEST_LINE + TARGET + HEADERS + FRAMING + LIMITS
