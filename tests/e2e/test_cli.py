"""Section 8: the program on the command line."""

import json
import re
import subprocess
import uuid

import pytest

from harness import toml
from harness.fixtures import base_config
from harness.node import ADMIN_SECRET, PROVIDER_KEY, clean_environment, until

SECRETS = {"ARES_ADMIN_SECRET": ADMIN_SECRET, "MOCK_KEY": PROVIDER_KEY}


def run(ares, *words, environment=None, secrets=SECRETS):
    return subprocess.run([str(ares), *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=clean_environment(**{**secrets, **(environment or {})}))


# -- serve and check-config -------------------------------------------------------------


@pytest.fixture
def write(tmp_path, upstream):
    """Writes the base configuration with some text changed, and returns the file."""

    def make(replace=None, by="", append="", prepend=""):
        text = prepend + toml.dump({**base_config(upstream), "store": {"data_dir": str(tmp_path / "data")}})
        if replace:
            assert replace in text
            text = text.replace(replace, by, 1)
        file = tmp_path / "ares.toml"
        file.write_text(text + append)
        return file

    return make


def line_of(file, text):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if text in line:
            return number
    raise AssertionError(text)


def test_the_version_is_printed(ares):
    done = run(ares, "--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout)


def test_help_names_the_commands(ares):
    done = run(ares, "--help")
    assert done.returncode == 0
    for command in ("serve", "check-config", "tenant", "agent", "key", "usage", "runs"):
        assert command in done.stdout


def test_an_unknown_command_is_refused(ares):
    assert run(ares, "frobnicate").returncode != 0


def test_check_config_needs_no_secret_and_no_store(ares, write):
    done = run(ares, "check-config", "--config", str(write()), secrets={})
    assert done.returncode == 0, done.stderr


# what stands in the file, what replaces it, the key that the line must name
MISTAKES = {
    "an unknown key": ("port = 0", "prot = 0", "prot"),
    "an unknown section": ("[server]", "[sever]\nx = 1\n[server]", "sever"),
    "a string for a number": ("port = 0", 'port = "http"', "port"),
    "a number for a string": ('host = "127.0.0.1"', "host = 127", "host"),
    "a number for a list": ("port = 0", "port = 0\ncors_origins = 5", "cors_origins"),
    "a port out of range": ("port = 0", "port = 70000", "port"),
    "a negative limit": ("port = 0", "port = 0\nmax_body_bytes = -1", "max_body_bytes"),
    "an unknown fsync": ("[store]", '[store]\nfsync = "sometimes"', "fsync"),
    "an unknown provider type": ('type = "simulated"', 'type = "imaginary"', "type"),
    "a model of an unknown provider": ('provider = "patient"', 'provider = "doctor"', "provider"),
    "a fallback that is no model": ('fallbacks = ["sim-model"]', 'fallbacks = ["nope"]', "fallbacks"),
    "an unknown default model": ('default_model = "sim-model"', 'default_model = "nope"', "default_model"),
    "a template with an unknown model": ('config = { model = "sim-model" }', 'config = { model = "nope" }', "model"),
    "a template with an unknown tool": ('tools = ["calculator"]', 'tools = ["hammer"]', "tools"),
    "an unknown key of a template's config": ("max_tokens = 2048", "max_tokenz = 2048", "max_tokenz"),
    "a failure rate over one": ("failure_rate = 1.0", "failure_rate = 1.5", "failure_rate"),
    "an unknown log level": ("[store]", '[log]\nlevel = "loud"\n[store]', "level"),
    "too short a retention": ("[store]", "[runs]\nretention_days = 31\n[store]", "retention_days"),
}


def one_line(done, *parts):
    """A start that was refused says one line, and nothing else."""
    assert done.returncode != 0
    lines = (done.stderr + done.stdout).strip().splitlines()
    assert len(lines) == 1, lines
    for part in parts:
        assert str(part) in lines[0], lines[0]


@pytest.mark.parametrize("command", ["check-config", "serve"])
@pytest.mark.parametrize("old,new,key", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_stops_with_one_line_of_file_line_and_key(ares, write, command, old, new, key):
    file = write(old, new)
    done = run(ares, command, "--config", str(file))
    at = line_of(file, next(line for line in new.split("\n") if key in line or "\n" not in new))
    one_line(done, file.name, key)
    assert re.search(rf"\b{at}\b", done.stderr + done.stdout), done.stderr


def test_text_that_is_no_toml_is_one_line_too(ares, write):
    file = write(append="\nthis is = = no toml\n")
    done = run(ares, "check-config", "--config", str(file))
    one_line(done, file.name, line_of(file, "no toml"))


def test_a_file_that_is_not_there_is_one_line(ares, tmp_path):
    for command in ("check-config", "serve"):
        one_line(run(ares, command, "--config", str(tmp_path / "nope.toml")), "nope.toml")


@pytest.mark.parametrize("missing,key", [("MOCK_KEY", "api_key_env"), ("ARES_ADMIN_SECRET", "admin_secret_env")])
def test_a_key_that_names_an_unset_variable_stops_the_start(ares, write, missing, key):
    file = write()
    done = run(ares, "serve", "--config", str(file), secrets={k: v for k, v in SECRETS.items() if k != missing})
    one_line(done, file.name, key, missing)
    lines = [str(at) for at, line in enumerate(file.read_text().splitlines(), 1) if missing in line]
    assert any(f":{at}:" in done.stderr for at in lines), done.stderr
    assert ADMIN_SECRET not in done.stderr and PROVIDER_KEY not in done.stderr


def test_a_wrong_override_in_the_environment_stops_the_start(ares, write):
    done = run(ares, "serve", "--config", str(write()), environment={"ARES_SERVER__PORT": "http"})
    one_line(done, "ARES_SERVER__PORT")
    done = run(ares, "serve", "--config", str(write()), environment={"ARES_SERVER__PROT": "1"})
    one_line(done, "ARES_SERVER__PROT")


def test_a_port_that_is_taken_is_one_line(start_node, node):
    port = node.address[1]
    second = start_node.prepare(server={"port": port}).launch()
    assert second.wait(20) != 0
    until(lambda: [line for line in second.lines if str(port) in line], 5, "the port is named")
    assert not [line for line in second.lines if line.startswith("listening on")]


# -- the operator's client ----------------------------------------------------------------------


@pytest.fixture
def cli(ares, node, upstream):
    def call(*words, json_out=True, code=0, environment=None):
        flags = ["--url", node.url] + (["--json"] if json_out else [])
        done = run(ares, *words, *flags, environment=environment)
        assert (done.returncode == 0) == (code == 0), f"{words}: {done.returncode}\n{done.stderr}{done.stdout}"
        return json.loads(done.stdout) if json_out and code == 0 and done.stdout.strip() else done

    return call


def unique():
    return f"cli-{uuid.uuid4().hex[:12]}"


def rows(answer):
    """A list may come bare or under its name, as in the API."""
    if isinstance(answer, list):
        return answer
    (found,) = [value for value in answer.values() if isinstance(value, list)]
    return found


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_url_and_json_may_stand_anywhere_in_the_line(ares, node, tenant, place):
    words = ["tenant", "show", tenant.name]
    words[place:place] = ["--url", node.url, "--json"]
    done = run(ares, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == tenant.id


def test_tenants_by_command(cli, admin):
    name = unique()
    made = cli("tenant", "create", name, "--tier", "dev")
    tenant_id = made.get("id") or made.get("tenant_id")
    assert name in [tenant["name"] for tenant in rows(cli("tenant", "list"))]
    for known_as in (name, tenant_id):  # TENANT is a name or an id
        shown = cli("tenant", "show", known_as)
        assert (shown["id"], shown["name"], shown["tier"]) == (tenant_id, name, "dev")
    changed = cli("tenant", "quota", name, "--quota-runs", "77")
    assert changed["quota_runs"] == 77
    assert admin.get(f"/api/admin/tenants/{tenant_id}").json()["quota_runs"] == 77
    cli("tenant", "delete", name)
    assert admin.get(f"/api/admin/tenants/{tenant_id}").status_code == 404
    cli("tenant", "show", name, code=1)


def test_agents_by_command(cli, tenant):
    agents = rows(cli("agent", "list", tenant.name))
    assert [agent["name"] for agent in agents] == ["echo", "risk-analyzer"]
    cli("agent", "create", tenant.name, "writer", "--type", "author", "--model", "sim-model")
    assert tenant.api.agent("writer")["agent_type"] == "author"
    cli("agent", "update", tenant.name, "writer", "--status", "disabled")
    assert tenant.api.agent("writer")["status"] == "disabled"
    cli("agent", "delete", tenant.name, "writer")
    cli("agent", "delete", tenant.name, "echo")
    assert [agent["name"] for agent in rows(cli("agent", "list", tenant.id))] == ["risk-analyzer"]


def test_keys_by_command(cli, tenant):
    made = cli("key", "create", tenant.name, "--name", "from the shell")
    assert tenant.client(made["raw_key"]).get("/v1/agents").status_code == 200
    keys = rows(cli("key", "list", tenant.name))
    assert keys[0]["id"] == made["id"] and made["raw_key"] not in json.dumps(keys)
    cli("key", "revoke", tenant.name, made["id"])
    assert tenant.client(made["raw_key"]).get("/v1/agents").status_code == 401


def test_usage_and_runs_by_command(cli, tenant):
    run_object = tenant.api.run("echo").json()
    usage = cli("usage", tenant.name)
    assert (usage["total_runs"], usage["total_tokens"]) == (1, run_object["tokens_used"])
    assert rows(cli("runs", tenant.name, "echo")) == [run_object]


def test_tables_are_for_people(cli, tenant):
    tenant.api.run("echo")
    listing = cli("tenant", "list", json_out=False).stdout
    assert tenant.name in listing and not listing.lstrip().startswith(("{", "["))
    assert "risk-analyzer" in cli("agent", "list", tenant.name, json_out=False).stdout
    assert "completed" in cli("runs", tenant.name, "echo", json_out=False).stdout


def test_mistakes_are_said_in_a_sentence_and_by_the_exit_code(cli, ares, node):
    done = cli("tenant", "show", unique(), code=1)
    assert done.stderr.strip() and "Traceback" not in done.stderr
    done = cli("tenant", "list", code=1, environment={"ARES_ADMIN_SECRET": "wrong"})
    assert done.stderr.strip()
    done = run(ares, "tenant", "list", "--url", "http://127.0.0.1:1")
    assert done.returncode != 0 and done.stderr.strip()
    done = run(ares, "tenant", "list", "--url", node.url, secrets={})
    assert done.returncode != 0 and "ARES_ADMIN_SECRET" in done.stderr
