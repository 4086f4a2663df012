"""Three nodes behind HAProxy are stopped and started in turn, under load: nobody notices.

`ROLLING_ROUNDS=10` restarts each of them ten times.
"""

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

from harness.fixtures import ROOT, closed_port, connectable, provision
from harness.node import until

ROUNDS = int(os.environ.get("ROLLING_ROUNDS", "1"))
CLIENTS = 8
PAUSE = 0.01

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")


@pytest.fixture
def nodes(start_node, external_redis):
    def start(number):
        return start_node(server={"port": closed_port(), "drain_grace_ms": 1000}, cluster={"name": "rolling"},
                          store={"url": f"redis://127.0.0.1:{external_redis}/0"})

    return [start(number) for number in range(3)]


@pytest.fixture
def balancer(nodes, tmp_path):
    """The port of HAProxy with the configuration that deploy/ offers."""
    port = closed_port()
    addresses = {f"NODE{number}": urlsplit(node.url).netloc for number, node in enumerate(nodes, 1)}
    environment = {**os.environ, **addresses, "BALANCER_BIND": f"127.0.0.1:{port}"}
    with open(tmp_path / "haproxy.log", "w") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(ROOT / "deploy/haproxy.cfg")],
                                   env=environment, stdout=log, stderr=log)
    until(lambda: connectable(port), 10, "haproxy listens")
    yield port
    process.terminate()
    process.wait(10)


class Caller(threading.Thread):
    """Asks again and again over one connection, kept alive: runs, or with `streams` streamed chats."""

    def __init__(self, port, secret, streams):
        super().__init__()
        self.port, self.secret, self.streams = port, secret, streams
        self.connection = None
        self.answered, self.failures = 0, []
        self.told_to_end = threading.Event()

    def run(self):
        while not self.told_to_end.is_set():
            try:
                self.ask()
                self.answered += 1
            except Exception as error:  # noqa: BLE001: whatever it is, a request failed
                self.failures.append(f"{time.strftime('%X')} {error!r}")
                self.connection = None
            time.sleep(PAUSE)

    def ask(self):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        if self.streams:
            path, body = "/v1/chat/stream", {"messages": [{"role": "user", "content": "Hello"}], "model": "slow-sim-model"}
        else:
            path, body = "/v1/agents/echo/run", {"input": {"message": "Hello"}}
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, f"{answer.status} {text}"
        if self.streams:
            last = json.loads(text.strip().rsplit("data: ", 1)[1])
            assert last["finish_reason"] == "stop", text
        else:
            assert json.loads(text)["status"] == "completed", text
        if answer.will_close:
            self.connection = None


def test_a_rolling_restart_fails_no_request(nodes, balancer):
    tenant = provision(nodes[0])
    callers = [Caller(balancer, tenant.secret, streams=number % 4 == 0) for number in range(CLIENTS)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(ROUNDS):
            for node in nodes:
                time.sleep(0.5)
                assert node.stop() == 0, node.log()
                node.start()
        time.sleep(0.5)
    finally:
        for caller in callers:
            caller.told_to_end.set()
        for caller in callers:
            caller.join()
    failures = [failure for caller in callers for failure in caller.failures]
    answered = sum(caller.answered for caller in callers)
    print(f"{ROUNDS * 3} restarts, {answered} answered, {len(failures)} failed")
    assert failures == []
    assert all(caller.answered > 0 for caller in callers)


def test_before_it_leaves_a_node_serves_and_says_that_it_will_close(start_node):
    node = start_node(server={"drain_grace_ms": 3000})
    tenant = provision(node)
    kept = http.client.HTTPConnection(urlsplit(node.url).netloc, timeout=10)
    kept.request("GET", "/ready")
    first = kept.getresponse()
    first.read()
    assert first.status == 200 and not first.will_close
    node.terminate()

    def ready():
        asked = http.client.HTTPConnection(urlsplit(node.url).netloc, timeout=10)
        asked.request("GET", "/ready")
        return asked.getresponse()

    until(lambda: ready().status == 503, 2, "the node says that it is not ready")
    assert tenant.api.run("echo").headers["Connection"] == "close"
    kept.request("GET", "/health")
    last = kept.getresponse()
    assert last.status == 200 and last.will_close
    assert node.wait() == 0
