"""The fixtures of both suites; their conftest.py files import all of it."""

import datetime
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from .api import Admin, Tenant
from .node import Node, until
from .upstream import Upstream

ROOT = Path(__file__).resolve().parents[3]


def pytest_addoption(parser):
    # Both suites may be run at once; the options are then there already.
    try:
        parser.addoption("--ares", default=None, help="the program to test (default: build/release/ares)")
        parser.addoption("--fault-seconds", type=float, default=60.0, help="how long the kill tests go on")
        parser.addoption("--fault-seed", type=int, default=None, help="repeats a schedule of kills")
    except ValueError:
        pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Behind a failed test stands what its nodes said meanwhile."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed:
        return
    for name, value in getattr(item, "funcargs", {}).items():
        nodes = value.started if name == "start_node" else [value]
        for node in nodes:
            if isinstance(node, Node):
                report.sections.append((f"stderr of {name}", "\n".join(node.lines[-40:])))


@pytest.fixture(scope="session")
def ares(request):
    chosen = request.config.getoption("--ares") or os.environ.get("ARES") or ROOT / "build/release/ares"
    path = Path(chosen).resolve()
    if not path.exists():
        pytest.exit(f"there is no {path}: build it, or name it with --ares", 2)
    return path


@pytest.fixture(scope="session")
def shared_upstream():
    return Upstream()


@pytest.fixture
def upstream(shared_upstream):
    shared_upstream.reset()
    yield shared_upstream
    shared_upstream.reset()


def closed_port():
    """A port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connectable(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def base_config(upstream):
    """A configuration with every kind of model that the tests use."""
    mock = {"type": "openai", "base_url": upstream.base_url, "api_key_env": "MOCK_KEY"}
    return {
        "server": {"host": "127.0.0.1", "port": 0, "admin_secret_env": "ARES_ADMIN_SECRET",
                   "default_model": "sim-model"},
        "providers": {
            "mock": {**mock, "timeout_ms": 10000},
            "impatient": {**mock, "timeout_ms": 400},
            "patient": {**mock, "timeout_ms": 60000},
            "claude": {"type": "anthropic", "base_url": upstream.base_url.removesuffix("/v1"),
                       "api_key_env": "MOCK_KEY", "timeout_ms": 10000},
            "single": {**mock, "max_concurrency": 1},
            "nobody": {"type": "openai", "base_url": f"http://127.0.0.1:{closed_port()}/v1", "timeout_ms": 2000},
            "sim": {"type": "simulated", "latency_ms": 0, "tokens_per_second": 0, "failure_rate": 0.0},
            "sim-slow": {"type": "simulated", "latency_ms": 300},
            "sim-broken": {"type": "simulated", "failure_rate": 1.0},
        },
        "models": {
            "llama-3.3-70b": {"provider": "mock", "model": "upstream-name"},
            "impatient-model": {"provider": "impatient"},
            "patient-model": {"provider": "patient"},
            "claude-model": {"provider": "claude", "model": "claude-upstream"},
            "single-model": {"provider": "single"},
            "nobody-model": {"provider": "nobody"},
            "backed-model": {"provider": "nobody", "fallbacks": ["sim-model"]},
            "sim-model": {"provider": "sim"},
            "slow-sim-model": {"provider": "sim-slow"},
            "broken-sim-model": {"provider": "sim-broken"},
        },
        "tiers": {"narrow": {"requests_per_day": 1000, "max_in_flight": 1}},
        "templates": {
            "generic": [
                {"name": "risk-analyzer", "agent_type": "classifier",
                 "config": {"model": "llama-3.3-70b", "system_prompt": "You are a risk analysis agent...",
                            "tools": ["calculator"], "max_tokens": 2048}},
                {"name": "echo", "agent_type": "echo", "config": {"model": "sim-model"}},
            ],
            "bare": [{"name": "only", "agent_type": "echo", "config": {"model": "sim-model"}}],
        },
    }


@pytest.fixture(scope="session")
def node(ares, shared_upstream):
    """One node for all tests that need nothing special. It must end well on SIGTERM."""
    started = Node(ares, base_config(shared_upstream))
    try:
        yield started.start()
        code = started.stop()
        assert code == 0, f"exit code {code} after SIGTERM\n{started.log()}"
    finally:
        started.destroy()


class NodeFactory:
    """Starts nodes with settings of their own and ends them behind the test."""

    def __init__(self, ares, upstream):
        self.ares = ares
        self.upstream = upstream
        self.started = []

    def prepare(self, environment=None, directory=None, **sections):
        """A node that is not started. `sections` are merged into the base configuration; a section that
        is None is left out, and so is a key that is None."""
        config = base_config(self.upstream)
        for section, body in sections.items():
            if body is None:
                config.pop(section, None)
                continue
            merged = {**config.get(section, {}), **body}
            config[section] = {k: v for k, v in merged.items() if v is not None}
        prepared = Node(self.ares, config, directory=directory, environment=environment)
        self.started.append(prepared)
        return prepared

    def __call__(self, **more):
        return self.prepare(**more).start()


@pytest.fixture
def start_node(ares, upstream):
    factory = NodeFactory(ares, upstream)
    yield factory
    for one in reversed(factory.started):
        one.destroy()


@pytest.fixture
def admin(node):
    return Admin(node.url)


def provision(node, **more):
    """A new tenant of that node; by default of the unlimited tier."""
    admin = Admin(node.url)
    response = admin.provision(**more)
    assert response.status_code == 201, response.text
    return Tenant(node, admin, response.json())


@pytest.fixture
def new_tenant(node, upstream):
    """Makes tenants on the shared node. The upstream comes along, with a clean script."""
    return lambda **more: provision(node, **more)


@pytest.fixture
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def api(tenant):
    return tenant.api


@pytest.fixture
def external_redis(tmp_path):
    """The port of a redis-server that is not the node's own."""
    port = closed_port()
    with open(tmp_path / "redis.log", "w") as log:
        process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                    "--appendonly", "no", "--dir", str(tmp_path)], stdout=log, stderr=log)
    until(lambda: connectable(port), 10, "redis listens")
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def one_day():
    """For tests that count by the day: waits out the last half minute before midnight (UTC)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second)
    if left < 30:
        time.sleep(left + 1)
