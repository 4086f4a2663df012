"""Secrets, prompts and outputs as canaries: where they may never be found, whatever the traffic and the level of the log."""

import socket
import uuid

import pytest

from harness import upstream as up
from harness.api import Client
from harness.fixtures import provision
from harness.node import ADMIN_SECRET, PROVIDER_KEY


class Canaries:
    def __init__(self):
        self.all = []

    def __call__(self, kind):
        self.all.append(f"canary-{kind}-{uuid.uuid4().hex}")
        return self.all[-1]


def raw(node, data):
    with node.connect() as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: s.recv(65536), b"")).decode("utf-8", "replace")


def good_traffic(tenant, upstream, canary):
    upstream.always(up.answer(canary("output")))
    message, context = canary("prompt"), {"c": canary("context")}
    assert tenant.api.run(message=message, context=context).status_code == 200
    assert tenant.api.chat(canary("chat"), model="llama-3.3-70b").status_code == 200
    assert tenant.api.events(canary("stream"), model="llama-3.3-70b")


def bad_traffic(node, tenant, upstream, canary):
    """Mistakes with something private in them; the bodies of their answers."""
    api = tenant.api
    upstream.always(up.error(500, canary("upstream-error")))
    yield api.chat(canary("failing"), model="llama-3.3-70b").text
    yield api.post_raw("/v1/chat", '{"messages": [{"role": "user", "content": "%s"' % canary("torn-json")).text
    yield api.post_raw("/v1/chat", '{"%s": 1, "messages": 7}' % canary("wrong-type")).text
    yield api.post("/v1/chat", {"messages": [{"role": canary("wrong-role"), "content": canary("content")}]}).text
    yield api.post_raw("/v1/chat", canary("wrong-media"), content_type="text/plain").text
    yield Client(node.url, {"Authorization": f"Bearer {canary('no-key')}"}).get("/v1/agents").text
    yield Client(node.url, {"Authorization": f"Basic {canary('basic')}"}).get("/v1/agents").text
    yield Client(node.url, {"X-Admin-Secret": canary("no-admin")}).get("/api/admin/tenants").text
    yield raw(node, b"GET /%s HTTP/1.1\r\nHost: a\r\n%s : x\r\n\r\n" % (canary("path").encode(), canary("field").encode()))
    yield raw(node, b"%s\r\n\r\n" % canary("no-request").encode())
    yield api.get(f"/v1/{canary('unknown')}?key={canary('query')}").text


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_canary_reaches_logs_metrics_errors_or_the_store(start_node, upstream, level):
    node = start_node(log={"level": level})
    tenant, canary = provision(node), Canaries()
    good_traffic(tenant, upstream, canary)
    answers = list(bad_traffic(node, tenant, upstream, canary))
    fresh = tenant.new_key()["secret"]
    tenant.client(fresh).get("/v1/agents")
    metrics = Client(node.url, {}).get("/metrics").text
    secrets = [tenant.api.secret, fresh, ADMIN_SECRET, PROVIDER_KEY]
    assert node.stop() == 0

    log = "\n".join(node.lines)
    for private in secrets + canary.all:
        assert private not in log
        assert private not in metrics
        if "-upstream-error-" not in private:  # what a provider says of its failure is for the client
            assert not [answer for answer in answers if private in answer]

    # Records hold inputs and outputs; a secret, good or bad, stands nowhere.
    never = [*secrets, *(c for c in canary.all if "-no-" in c or "basic" in c)]
    files = [file for file in node.data_dir.rglob("*") if file.is_file()]
    assert any("appendonly" in str(file) for file in files)
    for file in files:
        content = file.read_bytes()
        for secret in never:
            assert secret.encode() not in content, file


def test_administrators_are_slowed_down_apart_from_clients(start_node):
    node = start_node(server={"auth_failures_per_minute": 3})
    tenant = provision(node)
    guesser = Client(node.url, {"X-Admin-Secret": "guess"})
    assert [guesser.get("/api/admin/tenants").status_code for _ in range(5)] == [401] * 3 + [429] * 2
    assert tenant.admin.get("/api/admin/tenants").status_code == 429, "a guessed secret is not told apart"
    assert tenant.api.get("/v1/agents").status_code == 200
