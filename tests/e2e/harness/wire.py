"""HTTP by hand, for tests in which the bytes matter."""

import json
import select
import socket
import struct
import time


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # lower-case names
        self.body = body

    def json(self):
        return json.loads(self.body)


def request_bytes(method, path, headers=None, body=None, host="localhost"):
    """A well-formed request; a `body` that is not bytes goes out as JSON."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        lines.append("Content-Type: application/json")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class Connection:
    """One TCP connection to a node."""

    def __init__(self, node, timeout=30, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(node.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def _until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                raise ConnectionError(f"closed; so far {self.buffer!r}")
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def _exactly(self, count):
        while len(self.buffer) < count:
            if not self._more():
                raise ConnectionError("closed inside a body")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self):
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def chunk(self):
        """The next HTTP chunk; None after the last."""
        size = int(self._until(b"\r\n").split(b";")[0], 16)
        data = self._exactly(size)
        assert self._exactly(2) == b"\r\n"
        return data if size else None

    def chunks(self):
        while (data := self.chunk()) is not None:
            yield data

    def answer(self, head_request=False):
        status, headers = self.head()
        if head_request or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(self.chunks())
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            while self._more():
                pass
            body, self.buffer = self.buffer, b""
        return Answer(status, headers, body)

    def closed_by_peer(self, seconds):
        """Whether the node closes the connection in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.socket], [], [], left)
            if readable:
                try:
                    if not self.socket.recv(65536):
                        return True
                except ConnectionError:
                    return True
        return False


def exchange(node, data):
    """Sends `data` on a connection of its own and returns the first answer."""
    with Connection(node) as connection:
        connection.send(data)
        return connection.answer()


def events_of(chunks):
    """The JSON events in the payload of a stream, and the check that each is one line and an empty line."""
    text = b"".join(chunks).decode("utf-8")
    assert text.endswith("\n\n")
    found = []
    for block in text[:-2].split("\n\n"):
        assert "\n" not in block, f"an event of several lines: {block!r}"
        if block.startswith(":"):
            continue
        assert block.startswith("data: "), block
        found.append(json.loads(block[6:]))
    return found
