"""Two nodes over one store: what the contract says of "every node"."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import Api, error_of, text_of
from harness.fixtures import provision
from harness.node import until
from harness.wire import Connection, events_of, request_bytes


@pytest.fixture
def pair(start_node, external_redis):
    cluster = {"name": "pair", "listen": "127.0.0.1:0"}
    store = {"url": f"redis://127.0.0.1:{external_redis}/0"}
    return [start_node(cluster=cluster, store=store) for _ in range(2)]


@pytest.fixture
def both(pair, upstream):
    """A tenant and its clients on the first and on the second node."""
    tenant = provision(pair[0])
    return tenant, tenant.api, Api(pair[1].url, tenant.secret)


def test_any_node_serves_any_tenant(both):
    _, one, other = both
    run = one.run("echo")
    assert other.get_run(run.json()["id"]).content == run.content
    assert other.agent("echo")["total_runs"] == 1
    assert other.run("echo").status_code == 200
    assert one.usage()["total_runs"] == other.usage()["total_runs"] == 2


def test_a_revoked_key_is_refused_by_every_node_from_the_204_on(both):
    tenant, one, other = both
    for _ in range(10):
        key = one.post("/v1/api-keys", {"name": "k"}).json()
        client = Api(other.url, key["secret"])
        assert client.get("/v1/agents").status_code == 200
        assert one.delete(f"/v1/api-keys/{key['key']}").status_code == 204
        error_of(client.run("echo"), 401)
        error_of(client.get("/v1/agents"), 401)


def test_a_change_takes_effect_on_the_other_node_at_once(both, upstream):
    tenant, one, other = both
    assert other.run().json()["status"] == "completed"
    tenant.change_agent("risk-analyzer", config={"system_prompt": "New words."})
    other.run()
    assert upstream.last.messages[0]["content"] == "New words."
    tenant.change_agent("risk-analyzer", status="disabled")
    error_of(other.run(), 409, "agent_disabled")
    tenant.quota(quota_runs=2)
    error_of(other.run("echo"), 429, "run_quota")


def test_a_quota_is_never_overshot_by_two_nodes(both):
    tenant, one, other = both
    tenant.quota(quota_runs=15)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda n: Api((one, other)[n % 2].url, tenant.secret).run("echo").status_code, range(60)))
    assert statuses.count(200) == 15 and statuses.count(429) == 45
    assert one.usage()["total_runs"] == other.runs("echo")["total"] == 15


def test_one_idempotency_key_is_one_run_on_two_nodes(both, upstream):
    tenant, one, other = both
    gate = threading.Event()
    upstream.always(up.answer(gate=gate))

    def send(number):
        return Api((one, other)[number % 2].url, tenant.secret).run(headers={"Idempotency-Key": "shared"})

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(send, number) for number in range(8)]
        upstream.wait_for_calls(1)
        time.sleep(0.5)
        gate.set()
        answers = [one.result() for one in waiting]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1 and len(upstream.calls) == 1


@pytest.mark.xfail(reason="the other node polls the store: deltas do not cross nodes yet", strict=False)
def test_one_can_attach_from_the_other_node(pair, both, upstream):
    tenant, one, _ = both
    gate = threading.Event()
    upstream.script(up.answer(pieces=["far ", "away"], gate=gate, gate_at=1))
    run_id = one.run_async().json()["id"]
    upstream.wait_for_calls(1)
    with Connection(pair[1]) as connection:
        connection.send(request_bytes("GET", f"/v1/runs/{run_id}/stream", {"Authorization": f"Bearer {tenant.secret}"}))
        assert connection.head()[0] == 200
        chunks = [connection.chunk()]
        gate.set()
        chunks += connection.chunks()
    events = events_of(chunks)
    assert text_of(events) == "far away"
    assert events[-1] == one.get_run(run_id).json()


def test_one_can_cancel_from_the_other_node(both, upstream):
    _, one, other = both
    upstream.always(up.silence())
    run_id = one.run_async().json()["id"]
    (call,) = upstream.wait_for_calls(1)
    cancelled = other.post(f"/v1/runs/{run_id}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["status"] == "cancelled"
    until(lambda: call.gone_at, 10, "the node that drove it has stopped")
    assert one.get_run(run_id).json() == cancelled.json()


def test_a_dead_nodes_runs_are_ended_by_the_other_within_ten_seconds(pair, both, upstream):
    tenant, one, other = both
    upstream.always(up.silence())
    run_id = one.run_async().json()["id"]
    upstream.wait_for_calls(1)
    pair[0].kill()
    until(lambda: other.get_run(run_id).json()["status"] == "failed", 15, "the run is ended")
    run = other.get_run(run_id).json()
    assert run["error"] == "node lost"
    assert other.usage()["total_runs"] == 1
    assert other.run("echo").status_code == 200
