"""The front door as bytes: what is understood, what is refused, and that a connection stays in step."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.api import error_of
from harness.wire import Connection, exchange, request_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import cases  # noqa: E402
from probe import probe  # noqa: E402

RUN = "/v1/agents/risk-analyzer/run"


def all_of(node, tasks):
    """Every (case, cut) against the node; those that failed, in words."""
    def failure(task):
        case, cut = task
        verdict = probe(node.address, case, cut, patience=20)
        return None if verdict.passed else f"{case.group}: {case.name}, cut at {cut}: expected {case.says}, got {verdict.got}"

    with ThreadPoolExecutor(16) as pool:
        return [found for found in pool.map(failure, tasks) if found]


def test_every_case_of_the_conformance_table_is_judged_rightly(node):
    assert all_of(node, [(case, None) for case in cases.ALL]) == []


def test_the_verdict_is_the_same_wherever_the_bytes_are_cut(node):
    short = [case for case in cases.ALL if len(case.data) <= 200 and case.expected != cases.WAITS]
    assert all_of(node, [(case, cut) for case in short for cut in range(1, len(case.data))]) == []


def test_a_refusal_of_the_parser_is_json_and_closes(node):
    for case in cases.ALL:
        if case.expected != cases.BAD or len(case.data) > 1000:
            continue
        with Connection(node) as connection:
            connection.send(case.data)
            answer = connection.answer()
            assert answer.headers["connection"] == "close", case.name
            assert set(answer.json()) == {"error", "code", "request_id"}, case.name
            assert connection.closed_by_peer(20), case.name


# -- pipelining --------------------------------------------------------------------------


def chunked(path, headers, body):
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + 9]), body[at:at + 9]) for at in range(0, len(body), 9))
    return request_bytes("POST", path, {**headers, "Content-Type": "application/json",
                                        "Transfer-Encoding": "chunked"}) + pieces + b"0\r\n\r\n"


def test_two_hundred_mixed_pipelined_requests_get_two_hundred_ordered_answers(node, tenant):
    key = {"Authorization": f"Bearer {tenant.secret}"}

    def run(number):
        return {"input": {"message": f"number {number}"}}

    kinds = [
        lambda n: (request_bytes("GET", "/v1/agents/risk-analyzer", key), 200),
        lambda n: (request_bytes("POST", RUN, key, run(n)), 200),
        lambda n: (request_bytes("GET", "/v1/agents/nope", key), 404),
        lambda n: (request_bytes("HEAD", "/v1/agents", key), 200),
        lambda n: (chunked(RUN, key, b'{"input":{"message":"number %d"}}' % n), 200),
        lambda n: (request_bytes("POST", RUN, key, b"{"), 400),
        lambda n: (request_bytes("GET", "/v1/usage"), 401),
        lambda n: (request_bytes("DELETE", "/v1/agents", key), 405),
        lambda n: (request_bytes("HEAD", "/v1/agents/nope", key), 404),
        lambda n: (request_bytes("POST", "/v1/chat/stream", key, {"messages": [{"role": "user", "content": "hi"}],
                                                                  "model": "sim-model"}), 200),
    ]
    with Connection(node, timeout=60) as connection:
        requests, expected = [], []
        for number in range(200):
            data, status = kinds[number % len(kinds)](number)
            requests.append(data.replace(b"\r\n", b"\r\nX-Request-Id: n%d\r\n" % number, 1))
            expected.append((number, status, data.startswith(b"HEAD")))
        with ThreadPoolExecutor(1) as sender:
            sent = sender.submit(connection.send, b"".join(requests))
            for number, status, is_head in expected:
                answer = connection.answer(head_request=is_head)
                assert (answer.status, answer.headers["x-request-id"]) == (status, f"n{number}")
                if number % 10 in (1, 4):
                    assert answer.json()["input"] == {"message": f"number {number}"}
            sent.result()
        assert connection.buffer == b""
    assert tenant.api.usage()["total_runs"] == 40


def test_a_refused_request_ends_the_pipeline_behind_the_answers_before_it(node, tenant):
    key = {"Authorization": f"Bearer {tenant.secret}"}
    good = request_bytes("GET", "/v1/agents", key)
    with Connection(node) as connection:
        connection.send(good * 3 + request_bytes("GET", "/v1/agents", {**key, "Bad Name": "x"}) + good * 3)
        assert [connection.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert connection.closed_by_peer(20) and connection.buffer == b""


# -- HEAD ------------------------------------------------------------------------------


HEAD_PATHS = ["/v1/agents", "/v1/agents/risk-analyzer", "/v1/agents/risk-analyzer/runs", "/v1/runs/{run}",
              "/v1/runs/{run}/stream", "/v1/usage", "/v1/api-keys", "/health", "/ready", "/metrics", "/openapi.json",
              "/api/admin/tenants", "/nope", "/v1/agents/nope", "/v1/agents?page=x", "/v1/runs/nope", "/v1/chat"]


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without"])
def test_head_has_no_body_on_any_path_nor_with_any_error(node, tenant, with_key):
    run = tenant.api.run().json()["id"]
    headers = {"Authorization": f"Bearer {tenant.secret}"} if with_key else {}
    following = request_bytes("GET", "/health")
    for path in HEAD_PATHS:
        path = path.replace("{run}", run)
        get = exchange(node, request_bytes("GET", path, headers))
        with Connection(node) as connection:
            connection.send(request_bytes("HEAD", path, headers) + following)
            head = connection.answer(head_request=True)
            assert head.status == get.status, path
            assert head.headers.get("content-type") == get.headers.get("content-type"), path
            assert connection.answer().json() == {"status": "ok"}, path


@pytest.mark.parametrize("rest", [b"/%zz HTTP/1.1\r\nHost: a\r\n\r\n", b"/ HTTP/1.1\r\n\r\n", b"/ HTTP/2.0\r\nHost: a\r\n\r\n",
                                  b"/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                                  b"/ HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n"])
def test_a_refused_head_has_no_body(node, rest):
    with Connection(node) as connection:
        connection.send(b"HEAD " + rest)
        status, headers = connection.head()
        assert status in (400, 414, 431, 505) and int(headers["content-length"]) > 0
        assert connection.closed_by_peer(20) and connection.buffer == b""


# -- Expect, bodies ----------------------------------------------------------------------


def test_a_client_that_waits_for_100_continue_gets_it_and_then_its_answer(node, tenant):
    body = b'{"input":{"message":"m"}}'
    head = request_bytes("POST", RUN, {"Authorization": f"Bearer {tenant.secret}", "Content-Type": "application/json",
                                       "Content-Length": len(body), "Expect": "100-continue"})
    with Connection(node) as connection:
        connection.send(head)
        assert connection.head() == (100, {})
        connection.send(body)
        assert connection.answer().status == 200


def test_a_client_that_would_be_refused_is_not_told_to_continue(node):
    head = request_bytes("POST", RUN, {"Content-Type": "application/json", "Content-Length": 5 << 20,
                                       "Expect": "100-continue"})
    assert exchange(node, head).status == 413


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity"])
def test_a_coded_body_is_415(tenant, coding):
    response = tenant.api.post_raw(RUN, b'{"input":{"message":"m"}}', headers={"Content-Encoding": coding})
    error_of(response, 415, "unsupported_media_type")
    response = tenant.api.post_raw(RUN, b'{"input":{"message":"m"}}', headers={"Content-Encoding": "identity"})
    assert response.status_code == 200
