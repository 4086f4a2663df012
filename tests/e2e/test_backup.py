"""`ares export` and `ares import`: what a tenant can rely on after a move."""

import json
import os
import stat
import subprocess

import pytest

from harness.api import Admin, Api
from harness.fixtures import provision
from harness.node import ADMIN_SECRET, clean_environment

HELLO = {"input": {"message": "hello", "context": {"amount": 1.50, "text": "é\u2028"}}}


def run(node, *words, stdin=None):
    return subprocess.run([node.ares, *words, "--config", str(node.config_file)], capture_output=True, timeout=120,
                          cwd=node.directory, input=stdin, env=clean_environment(ARES_ADMIN_SECRET=ADMIN_SECRET))


def export(node, *words):
    done = run(node, "export", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def what_a_client_sees(api):
    """Every GET of the API, without what depends on when it is asked."""
    usage = api.get("/v1/usage").json()
    usage.pop("total_api_calls")
    for day in usage["daily_usage"]:
        day.pop("api_calls")
    keys = api.get("/v1/api-keys").json()
    for key in keys["keys"]:
        key.pop("last_used")
    runs = api.get("/v1/agents/risk-analyzer/runs?per_page=100")
    return {
        "usage": usage,
        "keys": keys,
        "agents": api.get("/v1/agents").json(),
        "agent": api.get("/v1/agents/risk-analyzer").json(),
        "runs": runs.text,
        "run": api.get("/v1/runs/" + runs.json()["runs"][0]["id"]).text,
    }


@pytest.fixture
def lived_in(start_node):
    """A node, a tenant of it that has run and chatted, and what its client sees."""
    node = start_node()
    tenant = provision(node)
    for _ in range(3):
        assert tenant.api.post("/v1/agents/risk-analyzer/run", json=HELLO).status_code == 200
    assert tenant.api.post("/v1/chat", json={"messages": [{"role": "user", "content": "hi"}]}).status_code == 200
    return node, tenant


@pytest.mark.parametrize("source", ["while its node runs", "while no node runs"])
@pytest.mark.parametrize("target", ["while its node runs", "while no node runs"])
def test_a_tenant_is_the_same_in_another_store_with_its_key(lived_in, start_node, source, target):
    node, tenant = lived_in
    before = what_a_client_sees(tenant.api)
    if source == "while no node runs":
        assert node.stop() == 0
    lines = export(node)
    assert tenant.secret.encode() not in lines
    other = start_node()
    if target == "while no node runs":
        assert other.stop() == 0
    done = run(other, "import", "-", stdin=lines)
    assert done.returncode == 0, done.stderr
    assert b"imported 1 tenants" in done.stderr and b"3 runs" in done.stderr
    if target == "while no node runs":
        other.start()
    moved = Api(other.url, tenant.secret)
    assert what_a_client_sees(moved) == before
    assert moved.post("/v1/agents/risk-analyzer/run", json=HELLO).status_code == 200
    assert moved.get("/v1/usage").json()["total_runs"] == 4


def test_named_tenants_are_exported_alone_into_a_file_of_its_owner_only(lived_in, tmp_path):
    node, tenant = lived_in
    provision(node)
    file = tmp_path / "backup.ndjson"
    assert export(node, tenant.id, "--output", str(file)) == b""
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert os.listdir(tmp_path) == ["backup.ndjson"]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["ares_backup"] == 1
    assert {line["tenant"] for line in lines[1:]} == {tenant.id}
    assert export(node, tenant.name).splitlines()[1:] == file.read_bytes().splitlines()[1:]


def test_all_tenants_come_with_the_audit_log(lived_in, start_node):
    node, tenant = lived_in
    second = provision(node)
    other = start_node()
    assert run(other, "import", stdin=export(node)).returncode == 0
    for one in (tenant, second):
        assert Api(other.url, one.secret).get("/v1/agents").json()["total"] > 0
    log = Admin(other.url).get("/api/admin/audit-log?limit=1000").json()["entries"]
    assert {e["target"] for e in log if e["action"] == "tenant.create"} == {tenant.id, second.id}


def test_what_exists_is_refused_in_one_line_or_skipped(lived_in):
    node, tenant = lived_in
    lines = export(node)
    before = what_a_client_sees(tenant.api)
    refused = run(node, "import", stdin=lines)
    assert refused.returncode == 1
    assert refused.stderr.decode().splitlines()[-1].startswith("ares: standard input:2: The tenant ")
    skipped = run(node, "import", "--skip-existing", stdin=lines)
    assert skipped.returncode == 0 and b"skipped 1 tenants" in skipped.stderr
    assert what_a_client_sees(tenant.api) == before


@pytest.mark.parametrize("text", [b"", b"{}\n", b"hello\n", b'{"ares_backup":2,"schema":2}\n',
                                  b'{"ares_backup":1,"schema":2}\n{"tenant":"x"}\n'])
def test_what_is_no_backup_is_refused_in_one_line(start_node, text):
    done = run(start_node(), "import", stdin=text)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith("ares: standard input")


def test_a_tenant_that_is_not_there_cannot_be_exported(start_node, tmp_path):
    node = start_node()
    done = run(node, "export", "nobody", "--output", str(tmp_path / "file"))
    assert done.returncode == 1 and done.stderr == b"ares: nobody: No such tenant\n"
    assert os.listdir(tmp_path) == []
