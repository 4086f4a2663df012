"""What the tests and measurements of slow clients share: an upstream that never ends, readers that hardly read."""

import asyncio
import json
import re
import socket
import threading
import time
from pathlib import Path

EVENT = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 1000}}]}).encode() + b"\n\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)


class FloodUpstream:
    """Answers every chat with a stream as fast as it is taken, up to `seconds` each, then ends it."""

    def __init__(self, seconds=600):
        self.seconds = seconds
        self.open = 0
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._listen())
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    async def _listen(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.base_url = "http://127.0.0.1:%d/v1" % server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                writer.write(CHUNK)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def provider(self):
        return {"type": "openai", "base_url": self.base_url, "timeout_ms": 60000, "max_concurrency": 1000}


class StreamReader:
    """Asks for a stream and takes no byte of it by itself."""

    def __init__(self, node, secret, model):
        self.socket = node.connect()
        body = json.dumps({"messages": [{"role": "user", "content": "x"}], "model": model}).encode()
        self.socket.sendall(b"POST /v1/chat/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (secret.encode(), len(body), body))

    def take(self, bytes_max):
        return self.socket.recv(bytes_max)

    def was_cut(self):
        """Whether the node has reset the connection; asked without reading."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or self._hung_up()

    def _hung_up(self):
        # State of the connection, first byte of tcp_info: 1 is ESTABLISHED.
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1

    def close(self):
        self.socket.close()


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
