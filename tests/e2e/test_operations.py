"""Section 8: a node from its start to its end, its private store, its pages for operators."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


from harness import upstream as up
from harness.api import Admin, Client, error_of
from harness.fixtures import closed_port, provision
from harness.node import ADMIN_SECRET, PROVIDER_KEY, alive, end_process, until
from harness.resp import Redis
from harness.wire import Connection, events_of, request_bytes


def moved(tenant, node):
    """The client of a tenant after its node came back on another port."""
    client = tenant.client()
    client.url = node.url
    return client


def ready(node):
    return Client(node.url, {}).get("/ready")


# -- the operator's pages -----------------------------------------------------------------


def test_health_ready_metrics_and_openapi_need_no_key(node):
    anonymous = Client(node.url, {})
    assert anonymous.get("/health").status_code == 200
    assert anonymous.get("/ready").status_code == 200
    metrics = anonymous.get("/metrics")
    assert metrics.status_code == 200 and metrics.headers["Content-Type"].startswith("text/plain")
    assert re.search(r"^# TYPE \w+ (counter|gauge|histogram)", metrics.text, re.M)
    page = anonymous.get("/openapi.json").json()
    assert page["openapi"].startswith("3.1")


def test_openapi_describes_every_endpoint_of_the_contract(node):
    paths = Client(node.url, {}).get("/openapi.json").json()["paths"]
    shapes = {re.sub(r"\{[^}]*\}", "{}", path): set(methods) for path, methods in paths.items()}
    for method, path in [
        ("get", "/v1/agents"), ("get", "/v1/agents/{}"), ("post", "/v1/agents/{}/run"), ("get", "/v1/agents/{}/runs"),
        ("get", "/v1/runs/{}"), ("post", "/v1/runs/{}/cancel"), ("get", "/v1/runs/{}/stream"), ("post", "/v1/chat"),
        ("post", "/v1/chat/stream"), ("get", "/v1/usage"), ("get", "/v1/api-keys"), ("post", "/v1/api-keys"),
        ("delete", "/v1/api-keys/{}"), ("post", "/api/admin/provision-client"), ("get", "/api/admin/tenants"),
        ("post", "/api/admin/tenants"), ("put", "/api/admin/tenants/{}/quota"), ("get", "/health"),
    ]:
        assert method in shapes.get(path, set()), f"{method} {path}"


def test_metrics_name_no_secret_and_no_prompt(node, tenant):
    canary = f"canary-{uuid.uuid4()}"
    tenant.api.run("echo", canary)
    metrics = Client(node.url, {}).get("/metrics").text
    assert canary not in metrics and tenant.secret not in metrics


def test_logs_hold_no_secret_no_prompt_and_no_output(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    words, answer = f"prompt-{uuid.uuid4()}", f"output-{uuid.uuid4()}"
    upstream.always(up.answer(answer))
    tenant.api.run(message=words, context={"c": words})
    tenant.api.chat(words, model="llama-3.3-70b")
    tenant.api.events(words, model="llama-3.3-70b")
    created = tenant.new_key()
    Client(node.url, {"Authorization": f"Bearer {created['secret']}x"}).get("/v1/agents")
    assert node.stop() == 0
    log = "\n".join(node.lines)
    for secret in (words, answer, tenant.secret, created["secret"], ADMIN_SECRET, PROVIDER_KEY):
        assert secret not in log


def test_json_logs_are_one_object_a_line_with_the_request_id(start_node):
    node = start_node(log={"level": "debug", "format": "json"})
    tenant = provision(node)
    request_id = f"traced-{uuid.uuid4()}"
    run = tenant.api.run("echo", headers={"X-Request-Id": request_id}).json()
    tenant.api.get("/v1/nothing", headers={"X-Request-Id": "nowhere"})
    assert tenant.admin.put(tenant.path("/agents/nobody"), {"status": "active"}).status_code == 404
    assert node.stop() == 0
    # The line that says the address is plain text by contract.
    objects = [json.loads(line) for line in node.lines if not line.startswith("listening on ")]
    assert all(isinstance(one, dict) for one in objects)
    traced = [one for one in objects if one.get("request_id") == request_id]
    assert traced, "no line carries the request id"
    assert {"tenant_id": tenant.id, "run_id": run["id"]}.items() <= traced[0].items()
    assert [one for one in objects if one.get("request_id") == "nowhere" and one["status"] == "404"]
    assert not [one for one in objects if one["level"] == "error"]


def test_the_node_says_once_where_it_listens_when_it_is_ready(start_node):
    node = start_node()
    assert ready(node).status_code == 200
    assert len([line for line in node.lines if "listening on http://" in line]) == 1
    assert re.search(r"listening on http://127\.0\.0\.1:\d+$", "\n".join(node.lines), re.M)


def test_a_given_port_is_used(start_node):
    port = closed_port()
    assert start_node(server={"port": port}).url == f"http://127.0.0.1:{port}"


def test_every_key_can_be_overridden_by_the_environment(start_node):
    node = start_node(environment={"ARES_SERVER__MAX_BODY_BYTES": "2000", "ARES_SERVER__DEFAULT_MODEL": "slow-sim-model"})
    api = provision(node).api
    assert api.chat("hi").json()["model"] == "slow-sim-model"
    error_of(api.chat("x" * 3000), 413, "payload_too_large")


# -- SIGTERM -----------------------------------------------------------------------------------


def test_sigterm_lets_what_is_in_flight_finish_and_exits_0(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    gate = threading.Event()
    upstream.always(up.answer("finished in peace", gate=gate))
    with ThreadPoolExecutor(2) as pool, Connection(node) as idle, Connection(node) as stream:
        idle.send(request_bytes("GET", "/health"))
        assert idle.answer().status == 200
        waiting = pool.submit(tenant.client().run)
        body = {"messages": [{"role": "user", "content": "hi"}], "model": "llama-3.3-70b"}
        stream.send(request_bytes("POST", "/v1/chat/stream", {"Authorization": f"Bearer {tenant.secret}"}, body))
        upstream.wait_for_calls(2)
        redis_pid = node.redis_pid()
        node.terminate()
        assert idle.closed_by_peer(10), "an idle connection is closed"
        until(lambda: refused(node), 10, "no new connection is taken")
        assert node.process.poll() is None
        gate.set()
        run = waiting.result()
        assert (run.status_code, run.json()["output"]) == (200, {"message": "finished in peace"})
        assert run.headers.get("Connection", "").lower() == "close"
        assert stream.head()[0] == 200
        assert events_of(stream.chunks())[-1]["finish_reason"] == "stop"
    assert node.wait() == 0
    until(lambda: not alive(redis_pid), 10, "the private redis-server ends with its node")
    node.start()
    assert moved(tenant, node).get_run(run.json()["id"]).content == run.content


def refused(node):
    """Draining: the connection is refused, or the request is (with 503)."""
    try:
        with Connection(node, timeout=2) as connection:
            connection.send(request_bytes("GET", "/ready"))
            return connection.answer().status == 503
    except OSError:
        return True


def test_an_asynchronous_run_is_finished_before_the_exit(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    gate = threading.Event()
    upstream.always(up.answer("done", gate=gate))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    node.terminate()
    time.sleep(0.3)
    gate.set()
    assert node.wait() == 0
    node.start()
    assert moved(tenant, node).get_run(run_id).json()["status"] == "completed"


def test_what_does_not_finish_in_drain_timeout_ends_as_failed(start_node, upstream):
    node = start_node(server={"drain_timeout_ms": 500})
    tenant = provision(node)
    upstream.always(up.silence())
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    assert node.stop() == 0
    node.start()
    api = moved(tenant, node)
    until(lambda: api.get_run(run_id).json()["status"] == "failed", 15, "the run is ended")
    assert api.usage()["total_runs"] == 1


def test_a_second_sigterm_exits_at_once(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    upstream.always(up.silence())
    tenant.api.run_async()
    upstream.wait_for_calls(1)
    node.terminate()
    time.sleep(0.3)
    assert node.process.poll() is None
    node.terminate()
    node.wait(10)


def test_sigint_is_as_sigterm(start_node):
    node = start_node()
    node.process.send_signal(signal.SIGINT)
    assert node.wait() == 0


# -- SIGHUP ---------------------------------------------------------------------------------------


def test_sighup_reloads_models_templates_and_limits(start_node):
    node = start_node(tiers={"small": {"quota_runs": 5}})
    tenant = provision(node, tier="small")
    error_of(tenant.api.chat(model="new-model"), 422, "unknown_model")
    node.config["models"]["new-model"] = {"provider": "sim"}
    node.config["templates"]["fresh"] = [{"name": "newcomer", "agent_type": "x", "config": {"model": "new-model"}}]
    node.config["tiers"]["small"] = {"quota_runs": 6}
    node.write_config()
    node.process.send_signal(signal.SIGHUP)
    until(lambda: tenant.api.chat(model="new-model").status_code == 200, 10, "the new model is known")
    assert Admin(node.url).provision(product_type="fresh").json()["agents_created"] == ["newcomer"]
    assert tenant.api.usage()["quota_runs"] == 6


def test_a_faulty_file_on_sighup_changes_nothing(start_node):
    node = start_node()
    tenant = provision(node)
    node.config_file.write_text("this is no toml [[[")
    seen = len(node.lines)
    node.process.send_signal(signal.SIGHUP)
    until(lambda: any("ares.toml" in line for line in node.lines[seen:]), 10, "the mistake is logged")
    assert tenant.api.run("echo").status_code == 200
    assert node.stop() == 0


# -- the private store ---------------------------------------------------------------------------------


def test_the_private_store_lives_apart_and_knows_no_secret(start_node):
    node = start_node()
    pid = node.redis_pid()
    assert pid and os.getsid(pid) != os.getsid(node.process.pid)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert ADMIN_SECRET.encode() not in environment and PROVIDER_KEY.encode() not in environment
    redis = node.redis()
    assert redis("CONFIG", "GET", "appendonly")[1] == "yes"
    assert redis("CONFIG", "GET", "appendfsync")[1] == "always"
    assert redis("CONFIG", "GET", "port")[1] == "0"


def test_fsync_everysec_is_obeyed(start_node):
    node = start_node(store={"fsync": "everysec"})
    assert node.redis()("CONFIG", "GET", "appendfsync")[1] == "everysec"


def test_everything_is_there_after_a_restart(start_node):
    node = start_node()
    tenant = provision(node)
    run = tenant.api.run("echo")
    before = tenant.api.usage()
    assert node.stop() == 0
    node.start()
    api = moved(tenant, node)
    assert api.get_run(run.json()["id"]).content == run.content
    after = api.usage()
    assert {**after, "total_api_calls": 0, "daily_usage": 0} == {**before, "total_api_calls": 0, "daily_usage": 0}


def test_a_killed_node_leaves_a_store_that_the_next_one_adopts(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    done = tenant.api.run("echo").json()
    upstream.always(up.silence())
    lost = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    pid = node.redis_pid()
    node.kill()
    assert alive(pid), "the store outlives its node"
    node.start()
    assert node.redis_pid() == pid, "it was adopted, not started anew"
    api = moved(tenant, node)
    until(lambda: api.get_run(lost).json()["status"] != "running", 12, "the lost run is ended")
    run = api.get_run(lost).json()
    assert (run["status"], run["error"], run["output"]) == ("failed", "node lost", None)
    assert run["finished_at"]
    assert api.get_run(done["id"]).json() == done
    usage = api.usage()
    assert (usage["total_runs"], usage["total_tokens"]) == (2, done["tokens_used"] + run["tokens_used"])
    assert node.stop() == 0
    assert not alive(pid), "the adopted store is stopped like its own"


def test_a_lost_run_keeps_the_tokens_of_its_checkpoint(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    upstream.script(up.tool_calls([("x", "calculator", up.expression("1+1"))], usage=(30, 5)), up.silence())
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(2)
    until(lambda: tenant.api.get_run(run_id).json()["tokens_used"] == 35, 5, "the checkpoint is stored")
    node.kill()
    node.start()
    api = moved(tenant, node)
    until(lambda: api.get_run(run_id).json()["status"] == "failed", 12, "the lost run is ended")
    assert api.get_run(run_id).json()["tokens_used"] == 35 == api.usage()["total_tokens"]


def test_a_second_node_on_the_same_folder_is_refused_with_one_line(start_node):
    first = start_node()
    second = start_node.prepare(store={"data_dir": str(first.data_dir)})
    second.write_config()
    done = subprocess.run([second.ares, "serve", "--config", str(second.config_file)], capture_output=True, text=True,
                          timeout=60, env=second.environment)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and str(first.data_dir) in lines[0], lines
    assert ready(first).status_code == 200


def test_a_killed_store_comes_back_and_nothing_answered_is_missing(start_node):
    node = start_node()
    tenant = provision(node)
    runs = [tenant.api.run("echo", f"n{n}").json() for n in range(5)]
    end_process(node.redis_pid())
    until(lambda: tenant.api.run("echo").status_code == 200, 15, "the node works again")
    ids = {run["id"] for run in tenant.api.all_runs("echo")}
    assert {run["id"] for run in runs} <= ids
    usage = tenant.api.usage()
    assert usage["total_runs"] == len(ids) == tenant.api.agent("echo")["total_runs"]


# -- a store that is away ----------------------------------------------------------------------------------


def test_while_the_store_stands_still_work_is_503_and_the_node_stays_up(start_node):
    """Invariant I8 with a stopped Redis."""
    node = start_node()
    tenant = provision(node)
    assert tenant.api.run("echo").status_code == 200
    pid = node.redis_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for answer in (tenant.api.run("echo"), tenant.api.chat(model="sim-model"), tenant.api.get("/v1/usage")):
            error_of(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - began < 15, "a hung store must not hang its clients"
        assert Client(node.url, {}).get("/health").status_code == 200
        until(lambda: ready(node).status_code == 503, 5, "/ready says so")
        answer = ready(node)
        assert answer.json() and "redis" not in tenant.api.run("echo").json()["error"].lower()
        error_of(Client(node.url, {}).get("/v1/agents"), 401)
        error_of(Client(node.url, {}).get("/v1/nope"), 404)
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: tenant.api.run("echo").status_code == 200, 10, "all is well again")
    until(lambda: ready(node).status_code == 200, 5, "/ready says so")
    until(lambda: all(run["status"] != "running" for run in tenant.api.all_runs("echo")), 15, "nothing stays running")
    usage = tenant.api.usage()
    assert usage["total_runs"] == tenant.api.runs("echo")["total"] == tenant.api.agent("echo")["total_runs"]


def test_a_run_under_way_survives_an_outage_of_the_store(start_node, upstream):
    node = start_node()
    tenant = provision(node)
    gate = threading.Event()
    upstream.always(up.answer("worth keeping", gate=gate))
    run_id = tenant.api.run_async().json()["id"]
    upstream.wait_for_calls(1)
    pid = node.redis_pid()
    os.kill(pid, signal.SIGSTOP)
    gate.set()
    time.sleep(2)
    os.kill(pid, signal.SIGCONT)

    def ended():
        answer = tenant.api.get_run(run_id)
        return answer.status_code == 200 and answer.json()["status"] == "completed"

    until(ended, 15, "the end of the run is stored after the outage")
    assert tenant.api.get_run(run_id).json()["output"] == {"message": "worth keeping"}
    usage = tenant.api.usage()
    assert (usage["total_runs"], usage["total_tokens"]) == (1, 18)


def test_a_full_store_refuses_new_work_only(start_node):
    node = start_node(store={"max_memory_mb": 8})
    tenant = provision(node)

    for size in (200_000, 20_000, 2_000, 20):  # until not even a small run finds room
        answers = (tenant.api.run("echo", "x" * size) for _ in range(2000))
        refusal = next(answer for answer in answers if answer.status_code != 200)
        error_of(refusal, 503, "store_full")
    assert int(refusal.headers["Retry-After"]) > 0

    def chat_is_refused():  # memory moves about its bound: a chat needs less than a run
        for _ in range(20):
            tenant.api.run("echo", "x")
        return tenant.api.chat(model="sim-model").status_code == 503

    until(chat_is_refused, 20, "chats are refused too")
    for path in ("/v1/agents", "/v1/usage", "/v1/agents/echo/runs?per_page=1", "/v1/api-keys"):
        assert tenant.api.get(path).status_code == 200
    usage = tenant.api.usage()
    assert usage["total_runs"] == tenant.api.runs("echo", "?per_page=1")["total"]


# -- a store of one's own -----------------------------------------------------------------------------------------


def test_a_node_uses_the_store_it_is_given(start_node, external_redis):
    node = start_node(store={"url": f"redis://127.0.0.1:{external_redis}/2"})
    tenant = provision(node)
    assert tenant.api.run("echo").json()["status"] == "completed"
    assert node.redis_pid() is None
    redis = Redis(host="127.0.0.1", port=external_redis)
    redis("SELECT", 2)
    assert redis("EXISTS", f"{{{tenant.id}}}:t") == 1
    assert "append" in ready(node).text.lower(), "/ready reports how durable the server is"
    assert node.stop() == 0
    assert redis("PING") == "PONG", "a store that is not the node's own is left alone"


def test_a_store_of_a_newer_ares_is_refused_in_one_line(start_node, external_redis):
    redis = Redis(host="127.0.0.1", port=external_redis)
    redis("SET", "ares:schema", "99")
    node = start_node.prepare(store={"url": f"redis://127.0.0.1:{external_redis}/0"}).launch()
    assert node.wait() == 1
    until(lambda: "ares: the store has schema 99" in node.log(), 5, "the line is there")
    assert "listening" not in node.log()
    assert redis("KEYS", "*") == ["ares:schema"]


def test_scripts_that_redis_forgot_are_sent_again(start_node, external_redis):
    node = start_node(store={"url": f"redis://127.0.0.1:{external_redis}/0"})
    tenant = provision(node)
    assert tenant.api.run("echo").status_code == 200
    Redis(host="127.0.0.1", port=external_redis)("SCRIPT", "FLUSH")
    assert tenant.api.run("echo").status_code == 200


# -- isolation -------------------------------------------------------------------------------------------------------


def test_no_foreign_word_reaches_a_tenant(new_tenant):
    """Invariant I5: a canary of one tenant, and all that another can read."""
    theirs, mine = new_tenant(), new_tenant()
    canary = f"canary-{uuid.uuid4()}"
    theirs.add_agent("canary-agent", system_prompt=canary, model="sim-model")
    run_id = theirs.api.run("canary-agent", canary, headers={"Idempotency-Key": "shared-key"}).json()["id"]
    for path in ("/v1/agents", "/v1/usage", "/v1/api-keys", f"/v1/runs/{run_id}", f"/v1/runs/{run_id}/stream",
                 "/v1/agents/canary-agent", "/v1/agents/canary-agent/runs", "/v1/agents/echo/runs"):
        answer = mine.api.get(path)
        assert canary not in answer.text and canary not in str(answer.headers) and theirs.id not in answer.text
    own = mine.api.run("echo", "mine", headers={"Idempotency-Key": "shared-key"})
    assert own.json()["id"] != run_id and "Idempotent-Replayed" not in own.headers


# -- many connections ----------------------------------------------------------------------------------------------------


def test_slow_senders_do_not_keep_others_waiting(start_node):
    node = start_node(server={"request_timeout_ms": 1500})
    tenant = provision(node)
    slow = [Connection(node) for _ in range(100)]
    try:
        for connection in slow:
            connection.send(b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Le")
        assert tenant.api.run("echo").status_code == 200
        for connection in slow:
            assert connection.closed_by_peer(15), "a request that never comes is ended at its deadline"
    finally:
        for connection in slow:
            connection.close()
