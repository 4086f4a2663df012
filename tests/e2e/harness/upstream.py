"""A stand-in for an OpenAI-compatible back end that speaks the true wire format.

Every request is answered by an *action*: a function of the `Call`. Actions come from the queue
(`upstream.script(...)`, one per request), else from the text of the last user message
(`upstream.when("marker", ...)`), else the default answers. `upstream.calls` records all of it.

The wire format is what real servers send: the first delta of a stream has `content: null`, usage
comes in an extra chunk without choices and only when it was asked for, comments appear between
events, several events share one HTTP chunk and one event is spread over two.
"""

import json
import select
import socket
import struct
import threading
import time

WAIT_SECONDS_MAX = 60
DEFAULT_USAGE = (11, 7)


class ClientGone(Exception):
    pass


class Call:
    """One request as it arrived, and the socket to answer it on."""

    def __init__(self, upstream, connection, method, path, headers, body):
        self.upstream = upstream
        self.connection = connection
        self.method = method
        self.path = path
        self.headers = headers  # lower-case names
        self.raw_body = body
        self.body = json.loads(body) if body else None
        self.at = time.monotonic()
        self.gone_at = None
        self.done = threading.Event()
        self.bytes_sent = 0

    # -- what it asks for ----------------------------------------------------

    @property
    def streamed(self):
        return bool(self.body and self.body.get("stream"))

    @property
    def messages(self):
        return self.body["messages"]

    @property
    def user_text(self):
        texts = [m["content"] for m in self.messages if m["role"] == "user"]
        return texts[-1] if texts else ""

    def wants_usage(self):
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    # -- answering -----------------------------------------------------------

    def send(self, data):
        try:
            self.connection.sendall(data)
            self.bytes_sent += len(data)
        except OSError as problem:
            self._left()
            raise ClientGone from problem

    def head(self, status, headers):
        lines = [f"HTTP/1.1 {status} X"] + [f"{k}: {v}" for k, v in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def json(self, status, value, headers=None):
        body = json.dumps(value).encode()
        self.head(status, {"Content-Type": "application/json", "Content-Length": len(body), **(headers or {})})
        self.send(body)

    def start_stream(self):
        self.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self):
        self.send(b"0\r\n\r\n")

    def event(self, value):
        self.chunk(sse(value))

    def wait(self, gate=None, seconds=WAIT_SECONDS_MAX):
        """Waits for the gate (or the time) while it watches whether the client leaves."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if gate is not None and gate.is_set():
                return
            readable, _, _ = select.select([self.connection], [], [], 0.01)
            if readable and not self._peek():
                self._left()
                raise ClientGone
        if gate is not None:
            raise AssertionError("the gate of the upstream was never opened")

    def _peek(self):
        try:
            return self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return b""

    def _left(self):
        if self.gone_at is None:
            self.gone_at = time.monotonic()

    def cut(self):
        """Ends the connection with a reset, in the middle of whatever it was."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ClientGone


def sse(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n\n"


def _chunk_value(call, choices, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": call.body.get("model"), "choices": choices, "timings": {"unknown": 1}, **more}


def _delta(call, delta, finish=None):
    return _chunk_value(call, [{"index": 0, "delta": delta, "finish_reason": finish}])


def _usage(pair):
    return {"prompt_tokens": pair[0], "completion_tokens": pair[1], "total_tokens": sum(pair)}


def _finish_stream(call, finish, usage):
    last = sse(_delta(call, {}, finish))
    if usage and call.wants_usage():
        # Two events in one chunk, then the end.
        last += sse(_chunk_value(call, [], usage=_usage(usage)))
    call.chunk(last)
    call.chunk(b"data: [DONE]\n\n")
    call.end_stream()


# -- actions -------------------------------------------------------------------


def answer(content="Hello from upstream", usage=DEFAULT_USAGE, finish="stop", pieces=None, gate=None,
           gate_at=0, pause=0.0):
    """A whole answer, streamed or plain as asked. With a `gate`, piece number `gate_at` and all behind
    it wait for it (a plain answer waits as a whole). `usage=None`: the back end reports nothing."""
    parts = pieces if pieces is not None else [content[i:i + 5] for i in range(0, len(content), 5)]

    def plain(call):
        if gate:
            call.wait(gate)
        message = {"role": "assistant", "content": "".join(parts)}
        value = {"id": "chatcmpl-1", "object": "chat.completion", "model": call.body.get("model"),
                 "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
        call.json(200, {**value, "usage": _usage(usage)} if usage else value)

    def streamed(call):
        call.start_stream()
        call.event(_delta(call, {"role": "assistant", "content": None}))
        call.chunk(b": keep-alive\n\n")
        for number, part in enumerate(parts):
            if gate and number == gate_at:
                call.wait(gate)
            data = sse(_delta(call, {"content": part}))
            if number % 3 == 1:  # one event spread over two chunks
                half = len(data) // 2
                call.chunk(data[:half])
                call.chunk(data[half:])
            else:
                call.chunk(data)
            if pause:
                call.wait(seconds=pause)
        if gate and gate_at >= len(parts):
            call.wait(gate)
        _finish_stream(call, finish, usage)

    return lambda call: (streamed if call.streamed else plain)(call)


def tool_calls(calls, usage=DEFAULT_USAGE, content=""):
    """`calls`: (id, name, arguments) with arguments an object, a string, or a function of the `Call`."""

    def act(call):
        wanted = []
        for identity, name, arguments in calls:
            value = arguments(call) if callable(arguments) else arguments
            text = value if isinstance(value, str) else json.dumps(value, indent=1)
            wanted.append({"id": identity, "type": "function", "function": {"name": name, "arguments": text}})
        if not call.streamed:
            message = {"role": "assistant", "content": content, "tool_calls": wanted}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
            call.json(200, {"id": "chatcmpl-1", "choices": [choice], "usage": _usage(usage)})
            return
        call.start_stream()
        call.event(_delta(call, {"role": "assistant", "content": None}))
        for index, one in enumerate(wanted):
            text = one["function"]["arguments"]
            call.event(_delta(call, {"tool_calls": [
                {"index": index, "id": one["id"], "type": "function",
                 "function": {"name": one["function"]["name"], "arguments": ""}}]}))
            for at in range(0, len(text), 4):
                call.event(_delta(call, {"tool_calls": [
                    {"index": index, "function": {"arguments": text[at:at + 4]}}]}))
        _finish_stream(call, "tool_calls", usage)

    return act


def expression(text):
    """Arguments of the calculator: the name of its parameter is taken from the schema that was offered."""

    def arguments(call):
        schema = call.body["tools"][0]["function"]["parameters"]
        name = (schema.get("required") or list(schema["properties"]))[0]
        return {name: text}

    return arguments


def error(status, message="the back end says no", headers=None, code=None):
    body = {"error": {"code": code or status, "message": message, "type": "stand_in_error"}}
    return lambda call: call.json(status, body, headers)


def cut(pieces=(), gate=None):
    """A stream that breaks off after `pieces` (reset); a plain answer breaks off inside its body."""

    def act(call):
        if call.streamed:
            call.start_stream()
            for piece in pieces:
                call.event(_delta(call, {"content": piece}))
            if pieces:
                call.wait(seconds=0.1)  # let them arrive: a reset throws away what is not read yet
        else:
            call.head(200, {"Content-Type": "application/json", "Content-Length": 500})
            call.send(b'{"id": "chat')
        if gate:
            call.wait(gate)
        call.cut()

    return act


def end_without_finish(pieces=("Hel",)):
    """A stream that ends properly as HTTP but has neither a finish reason nor [DONE]."""

    def act(call):
        if not call.streamed:
            call.head(200, {"Content-Type": "application/json", "Content-Length": 0})
            return
        call.start_stream()
        for piece in pieces:
            call.event(_delta(call, {"content": piece}))
        call.end_stream()

    return act


def silence(pieces=(), seconds=WAIT_SECONDS_MAX):
    """Nothing at all, or nothing more after `pieces`."""

    def act(call):
        if pieces and call.streamed:
            call.start_stream()
            for piece in pieces:
                call.event(_delta(call, {"content": piece}))
        call.wait(seconds=seconds)

    return act


def after(seconds, action):
    """`action`, with a slow first byte."""

    def act(call):
        call.wait(seconds=seconds)
        action(call)

    return act


def gated(gate, action):
    def act(call):
        call.wait(gate)
        action(call)

    return act


def garbage():
    def act(call):
        body = b"<html>this is no JSON</html>"
        if call.streamed:
            call.start_stream()
            call.chunk(b"data: {this is no JSON\n\n")
            call.end_stream()
        else:
            call.head(200, {"Content-Type": "text/html", "Content-Length": len(body)})
            call.send(body)

    return act


def flood(piece="x" * 4000):
    """Deltas as fast as the client takes them, until it leaves."""

    def act(call):
        call.start_stream()
        data = sse(_delta(call, {"content": piece}))
        while True:
            call.chunk(data)

    return act


# -- the server ------------------------------------------------------------------


class Upstream:
    def __init__(self):
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        with self._lock:
            self._queue = []
            self._by_text = []
            self.default = answer()
            self.calls = []

    def script(self, *actions):
        with self._lock:
            self._queue += actions

    def when(self, text, action):
        """Answers requests whose last user message contains `text`."""
        with self._lock:
            self._by_text.append((text, action))

    def always(self, action):
        self.default = action

    @property
    def last(self):
        return self.calls[-1]

    def wait_for_calls(self, count, seconds=10):
        deadline = time.monotonic() + seconds
        while len(self.calls) < count:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {count} requests came"
            time.sleep(0.01)
        return self.calls

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as reader:
                while self._one(connection, reader):
                    pass
        except (ClientGone, OSError, ValueError):
            pass  # the client left, or a test ended in the middle of an answer

    def _one(self, connection, reader):
        first = reader.readline()
        if not first:
            return False
        method, path, _ = first.decode("latin-1").split()
        headers = {}
        while (line := reader.readline().strip()):
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        call = Call(self, connection, method, path, headers, body)
        action = self._take(call)
        try:
            action(call)
        finally:
            call.done.set()
        return headers.get("connection", "").lower() != "close"

    def _take(self, call):
        with self._lock:
            self.calls.append(call)
            for text, action in self._by_text:
                if call.body and text in json.dumps(call.messages, ensure_ascii=False):
                    return action
            if self._queue:
                return self._queue.pop(0)
            return self.default
