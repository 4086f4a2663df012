"""Nodes of ares to measure, and their tenants."""

import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from .paths import ROOT, program

sys.path.insert(0, str(ROOT / "tests/e2e"))
from harness.node import ADMIN_SECRET, Node  # noqa: E402  (the same that the tests use)

PROVISION_CLIENTS = 8


def config(fsync="always", upstream=None, simulated=None, **sections):
    """A configuration whose default model is the simulated one without latency, or `upstream`, the
    base URL of an OpenAI-compatible server."""
    default = "upstream" if upstream else "sim-model"
    made = {
        "server": {"host": "127.0.0.1", "port": 0, "admin_secret_env": "ARES_ADMIN_SECRET",
                   "default_model": default, "max_connections": 16000},
        "store": {"fsync": fsync},
        "providers": {"sim": {"type": "simulated", "latency_ms": 0, "tokens_per_second": 0,
                              **(simulated or {})}},
        "models": {"sim-model": {"provider": "sim"}},
        "templates": {"generic": [{"name": "risk-analyzer", "agent_type": "classifier",
                                   "config": {"model": default}}]},
        "log": {"level": "warn"},
    }
    if upstream:
        made["providers"]["upstream"] = {"type": "openai", "base_url": upstream,
                                         "max_concurrency": 16000}
        made["models"]["upstream"] = {"provider": "upstream"}
    for name, more in sections.items():
        made[name] = {**made.get(name, {}), **more}
    return made


class Ares:
    """A running node with its private Redis, and `tenants` tenants that have a key each."""

    def __init__(self, configuration, tenants=1, ares=None):
        self.node = Node(ares or program("ares"), configuration)
        try:
            self.node.start()
            self.redis_pid = self.node.redis_pid()
            self.keys = self.provision(tenants)
        except BaseException:
            self.node.destroy()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.node.destroy()

    @property
    def url(self):
        return self.node.url

    @property
    def pids(self):
        """Under the names that results use."""
        return {"node": [self.node.process.pid], "redis": [self.redis_pid]}

    def provision(self, count):
        with ThreadPoolExecutor(PROVISION_CLIENTS) as clients:
            return list(clients.map(self._provision_one, range(count)))

    def _provision_one(self, number):
        body = {"name": f"bench-{number}", "tier": "enterprise", "product_type": "generic",
                "api_key_name": "bench"}
        answer = self.call("POST", "/api/admin/provision-client", body,
                           {"X-Admin-Secret": ADMIN_SECRET})
        return answer["raw_api_key"]

    def call(self, method, path, body=None, headers=None):
        """The JSON that a single request is answered with; an AssertionError if it is refused."""
        connection = http.client.HTTPConnection(*self.node.address, timeout=60)
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status < 300, f"{method} {path}: {response.status} {text[:300]!r}"
        return json.loads(text)

    def as_tenant(self, method, path, body=None, key=None):
        return self.call(method, path, body, {"Authorization": f"Bearer {key or self.keys[0]}"})
