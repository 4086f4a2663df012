"""Section 5, second half: the same chat as a stream, down to the bytes."""

import json
import math
import threading
import time

import pytest

from harness import upstream as up
from harness.api import error_of, text_of
from harness.node import until
from harness.wire import Connection, events_of, request_bytes

LLAMA = "llama-3.3-70b"


def stream_bytes(tenant, content="Hello", **fields):
    body = {"messages": [{"role": "user", "content": content}], **fields}
    return request_bytes("POST", "/v1/chat/stream", {"Authorization": f"Bearer {tenant.secret}"}, body)


def open_stream(node, tenant, connection, **fields):
    """Sends the request, checks the head and leaves the connection at the first event."""
    connection.send(stream_bytes(tenant, **fields))
    status, headers = connection.head()
    assert status == 200, status
    return headers


# -- form -----------------------------------------------------------------------------


def test_the_head_of_a_stream_says_what_it_is(api):
    with api.stream(model="sim-model") as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].split(";")[0] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"


def test_every_event_is_one_data_line_and_an_empty_line_in_a_chunk_of_its_own(node, tenant, upstream):
    upstream.script(up.answer(pieces=["Based on", " the data,", " Q1 revenue"], pause=0.05, usage=(300, 12)))
    with Connection(node) as connection:
        open_stream(node, tenant, connection, model=LLAMA)
        chunks = list(connection.chunks())
    for chunk in chunks:
        assert chunk.endswith(b"\n\n") and b"\r" not in chunk
        assert chunk.startswith((b"data: {", b":"))
    events = events_of(chunks)
    assert text_of(events) == "Based on the data, Q1 revenue"
    for event in events[:-1]:
        assert list(event) == ["delta", "finish_reason"] and event["finish_reason"] is None
        assert event["delta"] != ""
    assert events[-1] == {"delta": "", "finish_reason": "stop", "tokens_used": 312}
    assert list(events[-1]) == ["delta", "finish_reason", "tokens_used"]
    assert b"[DONE]" not in b"".join(chunks) and b"event:" not in b"".join(chunks)


def test_a_connection_lives_on_behind_a_stream(node, tenant):
    with Connection(node) as connection:
        for _ in range(3):
            open_stream(node, tenant, connection, model="sim-model")
            assert text_of(events_of(connection.chunks())) == "[simulated] Hello"
        connection.send(request_bytes("GET", "/health"))
        assert connection.answer().status == 200


def test_a_stream_says_what_the_chat_says(tenant):
    whole = tenant.api.chat("same words", model="sim-model").json()
    events = tenant.api.events("same words", model="sim-model")
    assert text_of(events) == whole["content"]
    assert (events[-1]["tokens_used"], events[-1]["finish_reason"]) == (whole["tokens_used"], "stop")


def test_the_first_delta_leaves_before_the_second_arrives(node, tenant, upstream):
    gate = threading.Event()
    upstream.script(up.answer(pieces=["first", " second"], gate=gate, gate_at=1))
    with Connection(node) as connection:
        open_stream(node, tenant, connection, model=LLAMA)
        assert json.loads(connection.chunk()[6:]) == {"delta": "first", "finish_reason": None}
        gate.set()
        assert text_of(events_of(connection.chunks())) == " second"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_the_last_event_has_the_finish_reason(api, upstream, reason):
    upstream.script(up.answer("cut", finish=reason))
    assert api.events(model=LLAMA)[-1]["finish_reason"] == reason


def test_usage_is_asked_for_and_without_it_estimated(tenant, upstream):
    upstream.script(up.answer("x" * 9, usage=None))
    events = tenant.api.events("m" * 13, model=LLAMA)
    assert upstream.last.body["stream"] is True
    assert upstream.last.body["stream_options"]["include_usage"] is True
    assert events[-1]["tokens_used"] == 4 + 3
    assert tenant.api.usage()["total_tokens"] == 7


def test_letters_of_several_bytes_survive_any_cut(api, upstream):
    text = "Grüße, 世界 🌍!"

    def bytewise(call):
        call.start_stream()
        data = up.sse({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        data += up.sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"
        for at in range(len(data)):
            call.chunk(data[at:at + 1])
        call.end_stream()

    upstream.script(bytewise)
    assert text_of(api.events(model=LLAMA)) == text


def test_a_letter_cut_between_two_deltas_is_put_together(node, tenant, upstream):
    earth = "🌍".encode()

    def cut_letter(call):
        call.start_stream()
        frame = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": null}]}\n\n'
        for part in (b"a" + earth[:2], earth[2:] + b"b"):
            call.chunk(frame % part)
        call.chunk(up.sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        call.chunk(b"data: [DONE]\n\n")
        call.end_stream()

    upstream.script(cut_letter)
    with Connection(node) as connection:
        open_stream(node, tenant, connection, model=LLAMA)
        for chunk in (chunks := list(connection.chunks())):
            chunk.decode("utf-8")  # each event is valid by itself
    assert text_of(events_of(chunks)) == "a🌍b"


def test_events_that_share_a_chunk_and_crlf_line_ends_are_understood(api, upstream):
    def together(call):
        call.start_stream()
        frames = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {"content": "one"}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {"content": " two"}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
        call.chunk((b":\n\n" + b"".join(map(up.sse, frames)) + b"data: [DONE]\n\n").replace(b"\n", b"\r\n"))
        call.end_stream()

    upstream.script(together)
    events = api.events(model=LLAMA)
    assert text_of(events) == "one two" and events[-1]["finish_reason"] == "stop"


def test_a_stream_with_an_agent_uses_its_tools(tenant, upstream):
    upstream.script(up.tool_calls([("odd id", "calculator", up.expression("6*7"))], usage=(5, 5)),
                    up.answer("It is 42.", usage=(6, 6)))
    events = tenant.api.events("6*7?", agent_type="risk-analyzer")
    assert text_of(events) == "It is 42."
    assert (events[-1]["finish_reason"], events[-1]["tokens_used"]) == ("stop", 22)
    assert "42" in [m for m in upstream.last.messages if m["role"] == "tool"][0]["content"]


# -- errors ---------------------------------------------------------------------------------


def test_an_error_before_the_first_byte_is_an_ordinary_answer(api, upstream):
    upstream.always(up.error(400))
    with api.stream(model=LLAMA) as response:
        error_of(response, 502, "upstream_error")
    upstream.always(up.silence())
    with api.stream(model="impatient-model") as response:
        error_of(response, 504, "upstream_timeout")
    with api.stream(model="nobody-model") as response:
        error_of(response, 502, "upstream_error")


def test_a_fault_before_the_first_delta_is_retried(api, upstream):
    upstream.script(up.error(500), up.cut(), up.answer("third time"))
    assert text_of(api.events(model=LLAMA)) == "third time"


@pytest.mark.parametrize("fault", [up.cut(["Hel", "lo"]), up.end_without_finish(["Hel", "lo"])], ids=["cut", "no finish"])
def test_an_error_behind_the_first_delta_is_a_last_event_and_not_retried(tenant, upstream, fault):
    upstream.always(fault)
    events = tenant.api.events("m" * 8, model=LLAMA)
    assert text_of(events) == "Hello"
    last = events[-1]
    assert (last["delta"], last["finish_reason"]) == ("", "error")
    assert isinstance(last["error"], str) and last["error"] and "127.0.0.1" not in last["error"]
    assert len(upstream.calls) == 1
    assert tenant.api.usage()["total_tokens"] == math.ceil(8 / 4) + math.ceil(5 / 4)


def test_silence_behind_the_first_delta_is_an_error_event(api, upstream):
    upstream.always(up.silence(["Hel"]))
    events = api.events(model="impatient-model")
    assert text_of(events) == "Hel" and events[-1]["finish_reason"] == "error"


# -- clients that leave, clients that are slow -----------------------------------------------------


def leave_by_reset(connection):
    connection.reset()


def leave_by_fin(connection):
    connection.close()


def leave_by_half_close(connection):
    connection.half_close()


@pytest.mark.parametrize("leave", [leave_by_reset, leave_by_fin, leave_by_half_close])
@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/stream"])
def test_a_client_that_goes_away_stops_the_upstream_and_is_counted(node, tenant, upstream, leave, path):
    gate = threading.Event()
    upstream.script(up.answer(pieces=["abcdefgh", "never"], gate=gate, gate_at=1, usage=None))
    with Connection(node) as connection:
        body = {"messages": [{"role": "user", "content": "m" * 8}], "model": LLAMA}
        connection.send(request_bytes("POST", path, {"Authorization": f"Bearer {tenant.secret}"}, body))
        (call,) = upstream.wait_for_calls(1)
        if path.endswith("stream"):
            assert connection.head()[0] == 200
            connection.chunk()
        left_at = time.monotonic()
        leave(connection)
        until(lambda: call.gone_at, 5, "the upstream sees its client leave")
        assert call.gone_at - left_at < 2.5  # half a second of grace, one of duty, one for a busy machine
    tokens = until(lambda: tenant.api.usage()["total_tokens"], 5, "what was consumed is counted")
    said = 2 if path.endswith("stream") or call.streamed else 0
    assert tokens == 2 + said
    assert tenant.api.usage()["total_runs"] == 0


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/stream"])
def test_half_closing_is_harmless_where_the_answer_comes_at_once(node, tenant, path):
    with Connection(node) as connection:
        body = {"messages": [{"role": "user", "content": "quick"}], "model": "sim-model"}
        connection.send(request_bytes("POST", path, {"Authorization": f"Bearer {tenant.secret}"}, body))
        connection.half_close()
        answer = connection.answer()
    assert answer.status == 200 and b"[simulated] " in answer.body


def test_a_half_closed_client_gets_its_run(node, tenant, upstream):
    """On every endpoint but chat and stream the end of the client's side means nothing."""
    upstream.script(up.after(1.2, up.answer("worth the wait")))
    with Connection(node) as connection:
        connection.send(request_bytes("POST", "/v1/agents/risk-analyzer/run",
                                      {"Authorization": f"Bearer {tenant.secret}"}, {"input": {"message": "m"}}))
        connection.half_close()
        assert connection.answer().json()["output"] == {"message": "worth the wait"}
    with Connection(node) as connection:
        connection.send(request_bytes("GET", "/v1/usage", {"Authorization": f"Bearer {tenant.secret}"}))
        connection.half_close()
        assert connection.answer().status == 200


def test_a_reader_that_stands_still_slows_the_upstream_and_is_cut(node, tenant, upstream):
    upstream.script(up.flood())
    with Connection(node, receive_buffer=4096) as connection:
        open_stream(node, tenant, connection, model="patient-model")
        (call,) = upstream.wait_for_calls(1)
        until(lambda: call.gone_at, 30, "a client that takes no byte for 15 s is cut")
    # What was sent lies in the kernel's buffers and in 256 KiB of the node; not in gigabytes of it.
    assert call.bytes_sent < 32 << 20
    until(lambda: tenant.api.usage()["total_tokens"], 5, "the stream is counted")


def test_a_slow_reader_gets_every_byte(node, tenant, upstream):
    pieces = [f"<{number:05}>" + "x" * 1000 for number in range(1500)]
    upstream.script(up.answer(pieces=pieces))
    with Connection(node, receive_buffer=8192) as connection:
        open_stream(node, tenant, connection, model="patient-model")
        time.sleep(2)
        events = events_of(connection.chunks())
    assert text_of(events) == "".join(pieces)
    assert events[-1]["finish_reason"] == "stop"


def test_a_silent_model_is_bridged_by_comments_and_an_error_behind_them_is_an_event(node, tenant, upstream):
    gate = threading.Event()
    upstream.always(up.gated(gate, up.error(400)))
    with Connection(node, timeout=40) as connection:
        open_stream(node, tenant, connection, model="patient-model")
        assert connection.chunk() == b": keep-alive\n\n"
        gate.set()
        events = events_of(connection.chunks())
    assert [event["finish_reason"] for event in events] == ["error"]
    assert events[0]["delta"] == "" and events[0]["error"]
