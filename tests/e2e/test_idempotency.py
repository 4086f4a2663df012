"""Section 4: the Idempotency-Key of a run. One key, one run, one charge (invariant I3)."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import error_of
from harness.fixtures import provision
from harness.node import until
from harness.wire import Connection, request_bytes

PATH = "/v1/agents/risk-analyzer/run"
BODY = b'{"input": {"message": "once only"}}'


def new_key():
    return f"key-{uuid.uuid4()}"


def send(api, key, body=BODY, path=PATH, prefer=None):
    headers = {"Idempotency-Key": key, **({"Prefer": prefer} if prefer else {})}
    return api.post_raw(path, body, headers=headers)


def replayed(response):
    return response.headers.get("Idempotent-Replayed")


def test_a_repeat_gets_the_same_run_with_equal_bytes_every_time(tenant, upstream):
    key = new_key()
    first = send(tenant.api, key)
    assert first.status_code == 200 and replayed(first) is None
    for _ in range(3):
        again = send(tenant.api, key)
        assert (again.status_code, again.content, replayed(again)) == (200, first.content, "true")
    assert len(upstream.calls) == 1
    usage = tenant.api.usage()
    assert (usage["total_runs"], usage["total_tokens"]) == (1, first.json()["tokens_used"])


def test_another_key_is_another_run(api):
    assert send(api, new_key()).json()["id"] != send(api, new_key()).json()["id"]


@pytest.mark.parametrize("other", [
    b'{"input": {"message": "something else"}}', b'{"input":{"message":"once only"}}', BODY + b" ",
])
def test_the_same_key_with_a_body_that_differs_in_a_byte_is_422(api, other):
    key = new_key()
    first = send(api, key)
    error_of(send(api, key, other), 422, "idempotency_key_reused")
    assert send(api, key).content == first.content


@pytest.mark.parametrize("key", ["a", "x" * 255, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "\"quoted\""])
def test_a_key_is_1_to_255_visible_ascii_characters(api, key):
    first = send(api, key)
    assert first.status_code == 200
    assert replayed(send(api, key)) == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "tab\there", "ü".encode("latin-1")])
def test_another_key_is_400(api, key):
    error_of(send(api, key), 400)


def test_two_keys_on_one_request_are_400(node, tenant):
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {tenant.secret}\r\n" \
           f"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with Connection(node) as connection:
        connection.send(head.encode() + BODY)
        assert connection.answer().status == 400


def test_keys_are_scoped_to_the_agent_and_the_tenant(new_tenant):
    one, other = new_tenant(), new_tenant()
    key = new_key()
    runs = [send(one.api, key), send(one.api, key, path="/v1/agents/echo/run"), send(other.api, key)]
    assert len({run.json()["id"] for run in runs}) == 3
    assert [replayed(run) for run in runs] == [None] * 3


def test_keys_are_scoped_to_the_agents_id_not_its_name(tenant):
    key, path = new_key(), "/v1/agents/echo/run"
    first = send(tenant.api, key, path=path)
    assert tenant.admin.delete(tenant.path("/agents/echo")).status_code == 204
    tenant.add_agent("echo", model="sim-model")
    assert send(tenant.api, key, path=path).json()["id"] != first.json()["id"]


def test_every_key_of_the_tenant_may_repeat(tenant):
    key = new_key()
    first = send(tenant.api, key)
    other = tenant.client(tenant.new_key()["secret"])
    assert send(other, key).content == first.content


def test_a_failed_run_is_replayed_as_failed(tenant, upstream):
    upstream.script(up.error(400))
    key = new_key()
    first = send(tenant.api, key)
    assert first.json()["status"] == "failed"
    assert send(tenant.api, key).content == first.content
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("count", [16])
def test_concurrent_repeats_are_one_run_and_all_wait_for_it(tenant, upstream, count):
    gate, key = threading.Event(), new_key()
    upstream.always(up.answer(gate=gate))
    with ThreadPoolExecutor(count) as pool:
        waiting = [pool.submit(send, tenant.client(), key) for _ in range(count)]
        upstream.wait_for_calls(1)
        gate.set()
        answers = [one.result() for one in waiting]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(map(str, map(replayed, answers))) == ["None"] + ["true"] * (count - 1)
    assert len(upstream.calls) == 1
    assert tenant.api.usage()["total_runs"] == tenant.api.runs()["total"] == 1


def test_a_repeat_is_rendered_by_its_own_prefer(tenant, upstream):
    gate, key = threading.Event(), new_key()
    upstream.always(up.answer(gate=gate))
    first = send(tenant.api, key, prefer="respond-async")
    assert first.status_code == 202 and replayed(first) is None
    again = send(tenant.api, key, prefer="respond-async")
    assert (again.status_code, replayed(again)) == (202, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "running")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, tenant.client(), key)  # without Prefer it waits
        gate.set()
        whole = waiting.result()
    assert (whole.status_code, whole.json()["status"], replayed(whole)) == (200, "completed", "true")
    late = send(tenant.api, key, prefer="respond-async")  # it has ended: 200 whatever is preferred
    assert (late.status_code, late.content) == (200, whole.content)


def test_a_repeat_does_not_wait_longer_than_the_agents_timeout(tenant, upstream):
    """The run itself ends by that time-out; the repeat gets its failed run, or a 503 on the edge."""
    tenant.add_agent("hurried", timeout_ms=1000)
    upstream.always(up.silence())
    path, key = "/v1/agents/hurried/run", new_key()
    assert send(tenant.api, key, path=path, prefer="respond-async").status_code == 202
    again = send(tenant.api, key, path=path)
    assert again.status_code in (200, 503)
    if again.status_code == 200:
        assert again.json()["status"] == "failed"


def test_a_replay_is_free_and_works_when_nothing_else_does(tenant):
    key, path = new_key(), "/v1/agents/echo/run"
    first = send(tenant.api, key, path=path)
    tenant.quota(requests_per_day=1, quota_runs=1, quota_tokens=1)
    error_of(send(tenant.api, new_key(), path=path), 429)
    assert send(tenant.api, key, path=path).content == first.content
    tenant.change_agent("echo", status="disabled")
    assert send(tenant.api, key, path=path).content == first.content
    assert tenant.api.usage()["total_runs"] == 1


def test_a_refusal_before_admission_is_not_kept(tenant):
    key, path = new_key(), "/v1/agents/echo/run"
    error_of(send(tenant.api, key, b'{"input": {}}', path), 400)
    tenant.change_agent("echo", status="disabled")
    error_of(send(tenant.api, key, path=path), 409)
    tenant.change_agent("echo", status="active")
    tenant.quota(requests_per_day=0)
    error_of(send(tenant.api, key, path=path), 429)
    tenant.quota(requests_per_day=None)
    admitted = send(tenant.api, key, path=path)
    assert admitted.status_code == 200 and replayed(admitted) is None


def test_the_body_is_validated_before_the_key_is_looked_up(api):
    key = new_key()
    assert send(api, key).status_code == 200
    error_of(send(api, key, b'{"input": {}}'), 400)
    error_of(send(api, key, b'{"input": '), 400)


def test_a_client_that_lost_its_answer_finds_the_run_under_its_key(node, tenant, upstream):
    gate, key = threading.Event(), new_key()
    upstream.always(up.answer("found again", gate=gate))
    headers = {"Authorization": f"Bearer {tenant.secret}", "Idempotency-Key": key, "Content-Type": "application/json"}
    with Connection(node) as connection:
        connection.send(request_bytes("POST", PATH, headers, BODY))
        upstream.wait_for_calls(1)
        connection.reset()
    gate.set()
    again = send(tenant.api, key)
    assert again.json()["output"] == {"message": "found again"} and replayed(again) == "true"
    assert len(upstream.calls) == 1 and tenant.api.usage()["total_runs"] == 1


def test_a_cancelled_run_is_replayed_as_cancelled(tenant, upstream):
    upstream.always(up.silence())
    key = new_key()
    run_id = send(tenant.api, key, prefer="respond-async").json()["id"]
    assert tenant.api.post(f"/v1/runs/{run_id}/cancel").status_code == 200
    again = send(tenant.api, key)
    assert (again.status_code, again.json()["status"], again.json()["id"]) == (200, "cancelled", run_id)


def test_a_key_outlives_the_node(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    key, lost = new_key(), new_key()
    first = send(tenant.api, key)
    upstream.always(up.silence())
    lost_id = send(tenant.api, lost, prefer="respond-async").json()["id"]
    node.kill()
    node.start()
    api = tenant.client()
    api.url = node.url
    assert send(api, key).content == first.content
    until(lambda: api.get_run(lost_id).json()["status"] == "failed", 15, "the lost run is ended")
    again = send(api, lost)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, lost_id, "failed")
    assert again.json()["error"] == "node lost" and replayed(again) == "true"
    assert again.content == send(api, lost).content == api.get_run(lost_id).content
    assert json.loads(again.content)["output"] is None
