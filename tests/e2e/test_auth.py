"""Section 2, first half: who may come in."""

import threading
import uuid

import pytest

from harness.api import Api, Client, error_of
from harness.wire import exchange, request_bytes


def comparable(response):
    """All of an answer but what differs from request to request."""
    headers = {k.lower(): v for k, v in response.headers.items() if k.lower() not in ("date", "x-request-id")}
    body = {k: v for k, v in response.json().items() if k != "request_id"}
    return response.status_code, headers, body


def expire(node, tenant, key_id):
    """Makes a key of the tenant expire now: the shortest life the API gives is a day. The version is
    raised as every change of a key does (docs/store.md)."""
    redis = node.redis()
    name = f"{{{tenant.id}}}:t"
    field = next(f for f, v in redis.hgetall(name).items() if f.startswith("k:") and key_id in v)
    value = redis("HGET", name, field)
    redis("HSET", name, field, "1000000000|" + value.split("|", 1)[1])
    redis("HINCRBY", name, "v", 1)


@pytest.mark.parametrize("header", [
    None, "", "Bearer", "Bearer ", "Basic YTpi", "ares_x7k9m2p4q8r1s5t3", "Bearer x", "Bearer ares_",
    "Bearer ares_x7k9m2p4q8r1s5t3", "Bearer ares_" + "a" * 32, "Bearer ares_" + "a" * 5000, "Bearer a b",
    "Bearer\tares_x", "Token ares_x",
])
def test_without_a_good_key_it_is_401_and_says_bearer(node, header):
    response = Client(node.url, {"Authorization": header} if header is not None else {}).get("/v1/agents")
    error_of(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("method,path", [
    ("GET", "/v1/agents"), ("GET", "/v1/agents/echo"), ("POST", "/v1/agents/echo/run"),
    ("GET", "/v1/agents/echo/runs"), ("POST", "/v1/chat"), ("POST", "/v1/chat/stream"), ("GET", "/v1/usage"),
    ("GET", "/v1/api-keys"), ("POST", "/v1/api-keys"), ("DELETE", f"/v1/api-keys/{uuid.uuid4()}"),
    ("GET", f"/v1/runs/{uuid.uuid4()}"), ("POST", f"/v1/runs/{uuid.uuid4()}/cancel"),
    ("GET", f"/v1/runs/{uuid.uuid4()}/stream"),
])
def test_every_v1_endpoint_wants_a_key(node, method, path):
    error_of(Client(node.url, {}).request(method, path), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "BeArEr ", "Bearer    "])
def test_the_scheme_is_case_insensitive_and_blanks_may_be_several(node, tenant, scheme):
    assert Client(node.url, {"Authorization": scheme + tenant.secret}).get("/v1/agents").status_code == 200


def test_two_authorization_headers_are_refused(node, tenant):
    line = f"Authorization: Bearer {tenant.secret}\r\n"
    data = f"GET /v1/agents HTTP/1.1\r\nHost: a\r\n{line}{line}\r\n".encode()
    assert exchange(node, data).status in (400, 401)
    assert exchange(node, request_bytes("GET", "/v1/agents", {"authorization": f"Bearer {tenant.secret}"})).status == 200


def test_a_key_in_the_query_does_not_count(node, tenant):
    assert Client(node.url, {}).get(f"/v1/agents?api_key={tenant.secret}").status_code == 401


def typo(secret):
    last = "a" if secret[-1] != "a" else "b"
    return secret[:-1] + last


def test_unknown_mistyped_expired_and_revoked_keys_are_told_apart_by_nothing(node, new_tenant):
    tenant, gone = new_tenant(), new_tenant()
    revoked, expired = tenant.new_key("revoked"), tenant.new_key("expired", expires_in_days=1)
    assert tenant.api.delete(f"/v1/api-keys/{revoked['key']}").status_code == 204
    expire(node, tenant, expired["key"])
    assert gone.admin.delete(gone.path()).status_code == 204
    secrets = {"mistyped": typo(tenant.secret), "revoked": revoked["secret"], "expired": expired["secret"],
               "of a deleted tenant": gone.secret, "in upper case": "ares_" + tenant.secret[5:].swapcase()}
    answers = {name: comparable(Api(node.url, secret).get("/v1/agents")) for name, secret in secrets.items()}
    for name, answer in answers.items():
        assert answer == answers["revoked"], name
        assert answer[0] == 401 and answer[2] == {"error": "Invalid API key", "code": "unauthorized"}
        assert answer[1]["www-authenticate"] == "Bearer"
    assert tenant.api.get("/v1/agents").status_code == 200


def test_an_expired_key_is_refused_by_every_endpoint(node, tenant):
    key = tenant.new_key("old", expires_in_days=1)
    client = tenant.client(key["secret"])
    assert client.get("/v1/agents").status_code == 200
    expire(node, tenant, key["key"])
    error_of(client.run("echo"), 401)
    error_of(client.chat(model="sim-model"), 401)
    error_of(client.stream(model="sim-model"), 401)
    error_of(client.get("/v1/agents"), 401)


def test_no_request_sent_after_the_revocation_is_served(tenant):
    """Invariant I4: six clients hammer with a key while it is revoked."""
    key = tenant.new_key("hammered")
    revoked, late = threading.Event(), []

    def hammer(number):
        client = tenant.client(key["secret"])
        for count in range(2000):
            sent_after = revoked.is_set()
            response = client.get("/v1/agents") if (number + count) % 2 else client.run("echo")
            if sent_after:
                late.append(response.status_code)
                return

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        assert tenant.api.delete(f"/v1/api-keys/{key['key']}").status_code == 204
    finally:
        revoked.set()
        for thread in threads:
            thread.join(60)
    assert late == [401] * 6


def test_a_new_key_works_at_once(tenant):
    for _ in range(5):
        assert tenant.client(tenant.new_key()["secret"]).run("echo").status_code == 200


def test_too_many_failed_keys_of_an_address_are_slowed_down_where_that_is_configured(start_node):
    node = start_node(server={"auth_failures_per_minute": 5})
    client = Client(node.url, {"Authorization": "Bearer ares_nope"})
    answers = [client.get("/v1/agents") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert error_of(answers[-1], 429, "rate_limited") == "Rate limit exceeded"
    assert int(answers[-1].headers["Retry-After"]) > 0
