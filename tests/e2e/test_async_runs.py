"""Section 4, beyond the seed: asynchronous runs, cancelling, attaching."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import RUN_KEYS, error_of, sse_events, text_of
from harness.node import until
from harness.wire import Connection, events_of, request_bytes

NEVER = "0190a0a0-0000-7000-8000-000000000000"


def ended(api, run_id):
    def look():
        run = api.get_run(run_id).json()
        return run if run["status"] != "running" else None

    return until(look, 15, "the run ends")


# -- Prefer: respond-async ------------------------------------------------------------


def test_respond_async_answers_202_with_the_running_run_and_where_to_look(tenant, upstream):
    gate = threading.Event()
    upstream.always(up.answer("done", gate=gate))
    response = tenant.api.run_async(message="work")
    assert response.status_code == 202
    run = response.json()
    assert list(run) == RUN_KEYS
    assert response.headers["Location"] == f"/v1/runs/{run['id']}"
    assert (run["status"], run["output"], run["error"]) == ("running", None, None)
    assert (run["finished_at"], run["duration_ms"], run["tokens_used"]) == (None, None, 0)
    assert run["input"] == {"message": "work"}
    assert tenant.api.get(response.headers["Location"]).json()["status"] == "running"
    gate.set()
    whole = ended(tenant.api, run["id"])
    assert (whole["status"], whole["output"], whole["tokens_used"]) == ("completed", {"message": "done"}, 18)
    assert (whole["id"], whole["started_at"]) == (run["id"], run["started_at"])
    assert tenant.api.runs()["runs"] == [whole]


@pytest.mark.parametrize("prefer,status", [
    ("respond-async", 202), ("Respond-Async", 202), ("respond-async, wait=10", 202), ("return=minimal", 200), ("", 200),
])
def test_only_respond_async_makes_a_run_asynchronous(api, prefer, status):
    assert api.run("echo", headers={"Prefer": prefer}).status_code == status


def test_an_async_run_is_refused_like_any_other(tenant):
    headers = {"Prefer": "respond-async"}
    error_of(tenant.api.post("/v1/agents/echo/run", {"input": {}}, headers=headers), 400)
    error_of(tenant.api.run_async("nope"), 404)


def test_an_async_run_that_fails_ends_as_failed(tenant, upstream):
    upstream.always(up.error(400))
    run = ended(tenant.api, tenant.api.run_async().json()["id"])
    assert run["status"] == "failed" and run["error"] and run["output"] is None


def test_tokens_so_far_are_seen_while_a_run_goes_on(tenant, upstream):
    gate = threading.Event()
    upstream.script(up.tool_calls([("x", "calculator", up.expression("1+1"))], usage=(30, 5)),
                    up.answer(usage=(40, 6), gate=gate))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(2)
    until(lambda: tenant.api.get_run(run_id).json()["tokens_used"] == 35, 5, "the checkpoint is seen")
    gate.set()
    assert ended(tenant.api, run_id)["tokens_used"] == 81


# -- cancel -------------------------------------------------------------------------------


def test_a_cancel_ends_the_run_and_its_upstream_request(tenant, upstream):
    upstream.always(up.silence())
    run_id = tenant.api.run_async().json()["id"]
    (call,) = upstream.wait_for_calls(1)
    response = tenant.api.post(f"/v1/runs/{run_id}/cancel")
    assert response.status_code == 200
    run = response.json()
    assert list(run) == RUN_KEYS
    assert (run["id"], run["status"], run["output"]) == (run_id, "cancelled", None)
    assert run["finished_at"] and isinstance(run["duration_ms"], int)
    assert tenant.api.get_run(run_id).json() == run
    until(lambda: call.gone_at, 5, "the upstream sees its client leave")
    error_of(tenant.api.post(f"/v1/runs/{run_id}/cancel"), 409, "run_ended")


def test_the_client_that_waits_gets_the_cancelled_run(tenant, upstream):
    upstream.always(up.silence())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(tenant.client().run)
        upstream.wait_for_calls(1)
        run_id = tenant.api.runs()["runs"][0]["id"]
        cancelled = tenant.api.post(f"/v1/runs/{run_id}/cancel").json()
        answer = waiting.result()
    assert answer.status_code == 200 and answer.json() == cancelled


def test_cancelled_runs_count_as_runs_but_not_in_the_success_rate(tenant, upstream):
    upstream.script(up.answer(), up.silence())
    assert tenant.api.run().json()["status"] == "completed"
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(2)
    assert tenant.api.post(f"/v1/runs/{run_id}/cancel").status_code == 200
    agent = tenant.api.agent()
    assert (agent["total_runs"], agent["success_rate"]) == (2, 1)
    assert tenant.api.usage()["total_runs"] == tenant.api.runs()["total"] == 2


def test_a_cancelled_run_carries_what_was_checkpointed(tenant, upstream):
    upstream.script(up.tool_calls([("x", "calculator", up.expression("1+1"))], usage=(30, 5)), up.silence())
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(2)
    until(lambda: tenant.api.get_run(run_id).json()["tokens_used"] == 35, 5, "the checkpoint is stored")
    run = tenant.api.post(f"/v1/runs/{run_id}/cancel").json()
    assert run["tokens_used"] >= 35
    assert tenant.api.usage()["total_tokens"] == run["tokens_used"]


def test_a_run_that_has_ended_cannot_be_cancelled(api):
    run = api.run("echo").json()
    error_of(api.post(f"/v1/runs/{run['id']}/cancel"), 409, "run_ended")
    assert api.get_run(run["id"]).json() == run
    error_of(api.post(f"/v1/runs/{NEVER}/cancel"), 404, "not_found")


def test_of_many_cancels_at_once_one_wins(tenant, upstream):
    upstream.always(up.silence())
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tenant.client().post(f"/v1/runs/{run_id}/cancel"), range(8)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 409} and 200 in statuses
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    assert tenant.api.usage()["total_runs"] == 1


# -- attach ---------------------------------------------------------------------------------


def attach(node, tenant, connection, run_id):
    connection.send(request_bytes("GET", f"/v1/runs/{run_id}/stream", {"Authorization": f"Bearer {tenant.secret}"}))
    status, headers = connection.head()
    assert status == 200 and headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-store"


def next_event(connection, chunks):
    """The next event; comments are passed over. What was read is added to `chunks`."""
    while True:
        chunks.append(connection.chunk())
        if not chunks[-1].startswith(b":"):
            return json.loads(chunks[-1][6:])


def test_attaching_gives_the_backlog_then_the_deltas_then_the_run(node, tenant, upstream):
    gates = threading.Event(), threading.Event()

    def act(call):
        assert call.streamed, "a run to which one can attach is asked for as a stream"
        call.start_stream()
        for part in ("one ", "two "):
            call.event({"choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]})
        call.wait(gates[0])
        call.event({"choices": [{"index": 0, "delta": {"content": "three"}, "finish_reason": None}]})
        call.wait(gates[1])
        call.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        call.chunk(b"data: [DONE]\n\n")
        call.end_stream()

    upstream.script(act)
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with Connection(node) as connection:
        attach(node, tenant, connection, run_id)
        chunks = [connection.chunk()]
        while text_of(events_of(chunks)) != "one two ":  # usually one delta; the second may be late
            chunks.append(connection.chunk())
        gates[0].set()
        assert next_event(connection, chunks) == {"delta": "three", "finish_reason": None}
        gates[1].set()
        chunks += connection.chunks()
    events = events_of(chunks)
    assert text_of(events) == "one two three"
    assert list(events[-1]) == RUN_KEYS
    assert events[-1] == tenant.api.get_run(run_id).json()
    assert events[-1]["status"] == "completed" and events[-1]["output"] == {"message": "one two three"}


def test_what_was_said_before_comes_first_as_one_delta(node, tenant, upstream):
    gate = threading.Event()
    upstream.script(up.answer(pieces=["a", "b", "c", "d", "e"], gate=gate, gate_at=4))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with Connection(node) as early, Connection(node) as late:
        attach(node, tenant, early, run_id)
        chunks = []
        while text_of(events_of(chunks)) != "abcd" if chunks else True:
            chunks.append(early.chunk())
        attach(node, tenant, late, run_id)  # now the node has said all four
        assert next_event(late, [])["delta"] == "abcd"
        gate.set()
        for connection in (early, late):
            last = events_of(connection.chunks())[-1]
            assert last["id"] == run_id and last["status"] == "completed"


def test_attaching_to_an_ended_run_gives_the_run_at_once(node, tenant):
    run = tenant.api.run("echo").json()
    with Connection(node) as connection:
        attach(node, tenant, connection, run["id"])
        events = events_of(connection.chunks())
    assert events[-1] == run
    assert events[:-1] == []


def test_attached_clients_see_a_cancel(node, tenant, upstream):
    upstream.always(up.silence(["so far"]))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with Connection(node) as connection:
        attach(node, tenant, connection, run_id)
        cancelled = tenant.api.post(f"/v1/runs/{run_id}/cancel").json()
        events = events_of(connection.chunks())
    assert events[-1] == cancelled


def test_leaving_an_attached_stream_does_not_end_the_run(node, tenant, upstream):
    gate = threading.Event()
    upstream.always(up.answer("still here", gate=gate, gate_at=1))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with Connection(node) as connection:
        attach(node, tenant, connection, run_id)
        connection.reset()
    gate.set()
    assert ended(tenant.api, run_id)["output"] == {"message": "still here"}


def test_a_run_that_fails_ends_its_attached_streams_with_the_failed_run(tenant, upstream):
    gate = threading.Event()
    upstream.always(up.gated(gate, up.error(400)))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with tenant.client().get(f"/v1/runs/{run_id}/stream", stream=True) as response:
        gate.set()
        last = sse_events(response)[-1]
    assert (last["id"], last["status"], last["output"]) == (run_id, "failed", None)


def test_attaching_to_what_is_not_there_is_404(api):
    error_of(api.get(f"/v1/runs/{NEVER}/stream"), 404, "not_found")
