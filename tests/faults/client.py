"""An HTTP client that costs little: thousands of requests a second from one Python process."""

import json
import socket
import struct
import time

TIMEOUT_SECONDS = 40  # longer than any answer may take


class Answer:
    __slots__ = ("status", "headers", "body", "milliseconds")

    def __init__(self, status, headers, body, milliseconds):
        self.status, self.headers, self.body, self.milliseconds = status, headers, body, milliseconds

    def json(self):
        return json.loads(self.body)

    def text(self):
        """Everything a client gets to see."""
        return f"{self.headers}\n".encode() + self.body


class Wire:
    """One keep-alive connection, made anew when it broke."""

    def __init__(self, address):
        self.address = address
        self._socket = None
        self._rest = b""

    def close(self):
        if self._socket:
            self._socket.close()
        self._socket, self._rest = None, b""

    def send(self, method, path, secret, body=None, headers=None):
        """Sends without waiting for the answer. Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(self.address, TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"{method} {path} HTTP/1.1", "Host: ares", f"Authorization: Bearer {secret}"]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join(lines + ["", ""]).encode() + (body or b""))

    def reset(self):
        """Goes away as a process that was killed does: without a good-bye."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def request(self, method, path, secret, body=None, headers=None):
        """The answer; None where the connection broke before it was whole. No answer in time is an error."""
        began = time.monotonic()
        try:
            self.send(method, path, secret, body, headers)
            status, fields = self._head()
            content = self._body(fields)
        except TimeoutError:
            raise AssertionError(f"no answer to {method} {path} in {TIMEOUT_SECONDS} s") from None
        except (OSError, EOFError):
            self.close()
            return None
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, fields, content, (time.monotonic() - began) * 1000)

    def _more(self):
        data = self._socket.recv(65536)
        if not data:
            raise EOFError
        self._rest += data

    def _until(self, mark):
        while (at := self._rest.find(mark)) < 0:
            self._more()
        found, self._rest = self._rest[:at], self._rest[at + len(mark):]
        return found

    def _exactly(self, size):
        while len(self._rest) < size:
            self._more()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def _head(self):
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return int(first.split(" ", 2)[1]), {name.lower(): value for name, value in pairs}

    def _body(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            return self._exactly(int(fields.get("content-length", 0)))
        parts = []
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        self._exactly(2)
        return b"".join(parts)
