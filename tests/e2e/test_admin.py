"""Section 7: the operator's API."""

import threading
import uuid

import pytest

from harness import upstream as up
from harness.api import Admin, Client, error_of
from harness.fixtures import provision
from harness.node import until

NEVER = "0190a0a0-0000-7000-8000-000000000000"
TENANT_KEYS = {"id", "name", "tier", "quota_runs", "quota_tokens", "requests_per_day", "agent_count", "created_at"}


def unique(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def listed(response, name):
    assert response.status_code == 200, response.text
    assert name in response.json(), response.text
    return response.json()[name]


def everything(admin, path, name):
    """All pages of a list, two at a time."""
    found, after = [], ""
    while True:
        body = admin.get(f"{path}?limit=2{after}").json()
        assert len(body[name]) <= 2
        found += body[name]
        if not body.get("next"):
            return found
        after = f"&after={body['next']}"


# -- the door -----------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "", "wrong", "admin-secret-for-tests-012345678", "ADMIN"])
def test_without_the_secret_everything_below_is_401(node, secret):
    client = Admin(node.url, secret)
    for method, path in (("GET", "/tenants"), ("POST", "/provision-client"), ("DELETE", f"/tenants/{NEVER}"),
                         ("GET", "/stats"), ("GET", "/audit-log")):
        error_of(client.request(method, "/api/admin" + path), 401, "unauthorized")


def test_an_api_key_does_not_open_the_admin_api_nor_the_secret_the_v1_api(node, tenant):
    error_of(tenant.api.get("/api/admin/tenants"), 401)
    error_of(tenant.admin.get("/v1/agents"), 401)


def test_without_a_configured_secret_the_tree_does_not_exist(start_node):
    node = start_node(server={"admin_secret_env": None})
    for path in ("/api/admin/tenants", "/api/admin/provision-client", "/api/admin/stats"):
        error_of(Admin(node.url).get(path), 404, "not_found")


def test_unknown_paths_and_wrong_methods(admin):
    error_of(admin.get("/api/admin/nope"), 404)
    response = admin.delete("/api/admin/tenants")
    error_of(response, 405)
    assert {"GET", "POST"} <= {word.strip() for word in response.headers["Allow"].split(",")}


# -- provision-client --------------------------------------------------------------------


def test_provisioning_gives_a_tenant_its_agents_and_its_first_key(node, admin):
    name = unique("acme")
    response = admin.provision(name, tier="pro", api_key_name="production")
    assert response.status_code == 201
    body = response.json()
    assert set(body) == {"tenant_id", "tenant_name", "tier", "product_type", "api_key_id", "api_key_prefix",
                         "raw_api_key", "agents_created"}
    assert (body["tenant_name"], body["tier"], body["product_type"]) == (name, "pro", "generic")
    assert sorted(body["agents_created"]) == ["echo", "risk-analyzer"]
    assert body["raw_api_key"].startswith(body["api_key_prefix"]) and len(body["api_key_prefix"]) == 9
    api = Client(node.url, {"Authorization": f"Bearer {body['raw_api_key']}"})
    assert [agent["name"] for agent in api.get("/v1/agents").json()["agents"]] == ["echo", "risk-analyzer"]
    (key,) = api.get("/v1/api-keys").json()["keys"]
    assert (key["id"], key["name"], key["prefix"]) == (body["api_key_id"], "production", body["api_key_prefix"])


def test_a_product_type_decides_which_agents_are_cloned(admin):
    assert admin.provision(product_type="bare").json()["agents_created"] == ["only"]


def test_clones_are_the_tenants_own(new_tenant):
    one, other = new_tenant(), new_tenant()
    one.change_agent("echo", agent_type="changed")
    assert other.api.agent("echo")["agent_type"] == "echo"
    assert one.api.agent("echo")["id"] != other.api.agent("echo")["id"]


BAD_PROVISIONS = {
    "no name": ({"name": None}, 400), "empty name": ({"name": ""}, 400), "name a number": ({"name": 5}, 400),
    "no tier": ({"tier": None}, 400), "unknown tier": ({"tier": "platinum"}, 422), "tier a number": ({"tier": 1}, 400),
    "unknown product type": ({"product_type": "nope"}, 422), "product type a list": ({"product_type": []}, 400),
    "key name too long": ({"api_key_name": "x" * 101}, 400), "key name a number": ({"api_key_name": 5}, 400),
}


@pytest.mark.parametrize("change,status", BAD_PROVISIONS.values(), ids=BAD_PROVISIONS.keys())
def test_a_bad_provision_changes_nothing(admin, change, status):
    name = unique()
    body = {"name": name, "tier": "free", "product_type": "generic", "api_key_name": "k", **change}
    body = {k: v for k, v in body.items() if v is not None}
    error_of(admin.post("/api/admin/provision-client", body), status)
    if "name" in change:
        return
    assert admin.provision(name).status_code == 201  # the name was not taken


def test_a_name_is_given_once_also_under_a_rush(node, admin):
    name, statuses = unique(), []
    threads = [threading.Thread(target=lambda: statuses.append(Admin(node.url).provision(name).status_code))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [409] * 7
    error_of(admin.provision(name), 409, "already_exists")
    error_of(admin.post("/api/admin/tenants", {"name": name, "tier": "free"}), 409, "already_exists")
    assert [t["name"] for t in everything(admin, "/api/admin/tenants", "tenants")].count(name) == 1


# -- tenants ---------------------------------------------------------------------------------


def test_a_tenant_is_made_shown_listed_and_removed(admin):
    name = unique()
    made = admin.post("/api/admin/tenants", {"name": name, "tier": "dev"})
    assert made.status_code == 201
    tenant = made.json()
    assert set(tenant) == TENANT_KEYS
    assert tenant["name"] == name and tenant["tier"] == "dev" and tenant["agent_count"] == 0
    assert (tenant["quota_runs"], tenant["quota_tokens"], tenant["requests_per_day"]) == (10000, 1000000, 1000)
    assert admin.get(f"/api/admin/tenants/{tenant['id']}").json() == tenant
    assert listed(admin.get("/api/admin/tenants?limit=1"), "tenants") == [tenant]  # newest first
    gone = admin.delete(f"/api/admin/tenants/{tenant['id']}")
    assert gone.status_code == 204 and gone.content == b""
    error_of(admin.get(f"/api/admin/tenants/{tenant['id']}"), 404)
    error_of(admin.delete(f"/api/admin/tenants/{tenant['id']}"), 404)
    again = admin.post("/api/admin/tenants", {"name": name, "tier": "dev"})  # the name is free again
    assert again.status_code == 201 and again.json()["id"] != tenant["id"]


def test_bad_tenants_are_refused(admin):
    error_of(admin.post("/api/admin/tenants", {"name": unique(), "tier": "platinum"}), 422, "unknown_tier")
    error_of(admin.post("/api/admin/tenants", {"tier": "free"}), 400)
    for path in (NEVER, "nope"):
        error_of(admin.get(f"/api/admin/tenants/{path}"), 404, "not_found")


def test_a_deleted_tenant_loses_everything_at_once(node, tenant, upstream):
    upstream.always(up.silence())
    run = tenant.api.run("echo").json()
    assert tenant.admin.delete(tenant.path()).status_code == 204
    error_of(tenant.api.get("/v1/agents"), 401)
    error_of(tenant.api.run("echo"), 401)
    for tail in ("", "/api-keys", "/agents", "/usage", "/agents/echo/runs"):
        error_of(tenant.admin.get(tenant.path(tail)), 404)
    left = [key for key in node.redis()("KEYS", "*") if tenant.id in key or run["id"] in key]
    assert left == []


def test_lists_are_newest_first_in_pages(admin):
    made = [admin.post("/api/admin/tenants", {"name": unique(), "tier": "free"}).json()["id"] for _ in range(5)]
    ids = [tenant["id"] for tenant in everything(admin, "/api/admin/tenants", "tenants")]
    assert ids[:5] == made[::-1]
    assert len(ids) == len(set(ids)) and ids == sorted(ids, reverse=True)
    after = admin.get(f"/api/admin/tenants?limit=2&after={made[3]}").json()
    assert [tenant["id"] for tenant in after["tenants"]] == [made[2], made[1]]
    assert after["next"] == made[1]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1.5"])
def test_a_bad_limit_is_400(admin, limit):
    error_of(admin.get(f"/api/admin/tenants?limit={limit}"), 400)


# -- quotas ------------------------------------------------------------------------------------


def figures(tenant):
    return tenant["quota_runs"], tenant["quota_tokens"], tenant["requests_per_day"]


def test_a_number_overrides_null_unlimits_tier_returns_and_left_out_keeps(new_tenant):
    tenant = new_tenant(tier="dev")
    assert figures(tenant.quota()) == (10000, 1000000, 1000)
    assert figures(tenant.quota(quota_runs=5)) == (5, 1000000, 1000)
    assert figures(tenant.quota(quota_tokens=None)) == (5, None, 1000)
    assert figures(tenant.quota(requests_per_day=7)) == (5, None, 7)
    assert figures(tenant.quota(quota_runs="tier")) == (10000, None, 7)
    assert figures(tenant.quota(quota_tokens="tier", requests_per_day="tier")) == (10000, 1000000, 1000)


def test_a_new_tier_changes_all_figures_without_an_override(new_tenant):
    tenant = new_tenant(tier="dev")
    tenant.quota(quota_runs=5)
    changed = tenant.quota(tier="pro")
    assert set(changed) == TENANT_KEYS
    assert changed["tier"] == "pro" and figures(changed) == (5, 10000000, 10000)
    usage = tenant.api.usage()
    assert (usage["quota_runs"], usage["quota_tokens"]) == (5, 10000000)


@pytest.mark.parametrize("body,status", [
    ({"tier": "platinum"}, 422), ({"tier": 5}, 400), ({"quota_runs": -1}, 400), ({"quota_runs": 1.5}, 400),
    ({"quota_runs": "many"}, 400), ({"quota_tokens": True}, 400), ({"requests_per_day": []}, 400),
])
def test_a_bad_quota_changes_nothing(tenant, body, status):
    before = tenant.admin.get(tenant.path()).json()
    error_of(tenant.admin.put(tenant.path("/quota"), {"quota_runs": 9, **body}), status)
    assert tenant.admin.get(tenant.path()).json() == before


def test_the_quota_of_nobody_is_404(admin):
    error_of(admin.put(f"/api/admin/tenants/{NEVER}/quota", {"quota_runs": 1}), 404)


# -- keys of a tenant ------------------------------------------------------------------------------


def test_the_operator_makes_lists_and_revokes_keys(tenant):
    made = tenant.admin.post(tenant.path("/api-keys"), {"name": "by operator", "expires_in_days": 30})
    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"id", "prefix", "raw_key", "created_at"}
    keys = listed(tenant.admin.get(tenant.path("/api-keys")), "keys")
    assert [key["id"] for key in keys] == [body["id"], tenant.key_id]
    assert keys[0]["name"] == "by operator" and body["raw_key"] not in str(keys)
    assert tenant.client(body["raw_key"]).get("/v1/agents").status_code == 200
    gone = tenant.admin.delete(tenant.path(f"/api-keys/{body['id']}"))
    assert gone.status_code == 204
    error_of(tenant.client(body["raw_key"]).get("/v1/agents"), 401)
    error_of(tenant.admin.delete(tenant.path(f"/api-keys/{body['id']}")), 404)
    error_of(tenant.admin.post(tenant.path("/api-keys"), {}), 400)


def test_a_key_is_revoked_under_its_own_tenant_only(new_tenant):
    one, other = new_tenant(), new_tenant()
    error_of(one.admin.delete(one.path(f"/api-keys/{other.key_id}")), 404)
    assert other.api.get("/v1/agents").status_code == 200


# -- agents of a tenant --------------------------------------------------------------------------------


def test_an_agent_is_made_changed_and_removed(tenant):
    made = tenant.add_agent("writer", "author", model="sim-model", system_prompt="Write.")
    assert (made["name"], made["agent_type"], made["status"]) == ("writer", "author", "active")
    assert made["config"] == {"model": "sim-model", "system_prompt": "Write."}
    agents = listed(tenant.admin.get(tenant.path("/agents")), "agents")
    assert [agent["name"] for agent in agents] == ["echo", "risk-analyzer", "writer"]
    assert tenant.admin.get(tenant.path()).json()["agent_count"] == 3
    changed = tenant.change_agent("writer", agent_type="poet", status="disabled")
    assert (changed["agent_type"], changed["status"], changed["config"]) == ("poet", "disabled", made["config"])
    assert changed["id"] == made["id"]
    assert tenant.admin.delete(tenant.path("/agents/writer")).status_code == 204
    error_of(tenant.admin.delete(tenant.path("/agents/writer")), 404)
    error_of(tenant.admin.put(tenant.path("/agents/writer"), {"status": "active"}), 404)


def test_a_config_is_merged_key_by_key_and_null_removes(tenant):
    tenant.add_agent("writer", model="sim-model", system_prompt="Write.", max_tokens=10)
    changed = tenant.change_agent("writer", config={"system_prompt": "Sing.", "max_tokens": None, "temperature": 0.5})
    assert changed["config"] == {"model": "sim-model", "system_prompt": "Sing.", "temperature": 0.5}
    assert tenant.api.agent("writer")["config"] == changed["config"]
    error_of(tenant.admin.put(tenant.path("/agents/writer"), {"config": {"model": None}}), 400)
    assert tenant.api.agent("writer")["config"] == changed["config"]


@pytest.mark.parametrize("name", ["", "UPPER", "-dash", "a b", "x" * 65, "ü", None, 5])
def test_a_bad_agent_name_is_400(tenant, name):
    body = {"name": name, "agent_type": "x", "config": {"model": "sim-model"}}
    assert "name" in error_of(tenant.admin.post(tenant.path("/agents"), body), 400)


BAD_CONFIGS = {
    "no model": ({}, 400), "model a number": ({"model": 5}, 400), "unknown model": ({"model": "nope"}, 422),
    "unknown tool": ({"model": "sim-model", "tools": ["hammer"]}, 422),
    "tools a string": ({"model": "sim-model", "tools": "calculator"}, 400),
    "negative max_tokens": ({"model": "sim-model", "max_tokens": -1}, 400),
    "max_tokens a string": ({"model": "sim-model", "max_tokens": "many"}, 400),
    "temperature a string": ({"model": "sim-model", "temperature": "hot"}, 400),
    "unknown fallback": ({"model": "sim-model", "fallback_models": ["nope"]}, 422),
    "timeout zero": ({"model": "sim-model", "timeout_ms": 0}, 400),
    "negative retries": ({"model": "sim-model", "max_retries": -1}, 400),
    "schema a string": ({"model": "sim-model", "output_schema": "x"}, 400),
}


@pytest.mark.parametrize("config,status", BAD_CONFIGS.values(), ids=BAD_CONFIGS.keys())
def test_a_bad_agent_config_is_refused(tenant, config, status):
    body = {"name": "bad", "agent_type": "x", "config": config}
    error_of(tenant.admin.post(tenant.path("/agents"), body), status)
    error_of(tenant.api.get("/v1/agents/bad"), 404)


def test_an_agents_name_is_given_once_per_tenant(new_tenant):
    one, other = new_tenant(), new_tenant()
    one.add_agent("writer")
    body = {"name": "writer", "agent_type": "x", "config": {"model": "sim-model"}}
    error_of(one.admin.post(one.path("/agents"), body), 409, "already_exists")
    other.add_agent("writer")


# -- what the tenant sees ----------------------------------------------------------------------------------


def test_the_operator_sees_the_runs_of_a_tenant(tenant):
    runs = [tenant.api.run("echo", f"n{n}").json() for n in range(3)][::-1]
    answer = tenant.admin.get(tenant.path("/agents/echo/runs"))
    assert listed(answer, "runs") == runs
    error_of(tenant.admin.get(tenant.path("/agents/nope/runs")), 404)


def test_the_operator_sees_an_agents_statistics(tenant, upstream):
    upstream.script(up.answer(), up.error(400))
    tenant.api.run()
    tenant.api.run()
    answer = tenant.admin.get(tenant.path("/agents/risk-analyzer/stats"))
    assert answer.status_code == 200
    stats = answer.json()
    assert (stats["total_runs"], stats["success_rate"]) == (2, 0.5)
    assert [key for key in stats if "avg" in key or "average" in key], stats
    error_of(tenant.admin.get(tenant.path("/agents/nope/stats")), 404)


def test_the_operator_sees_the_usage_of_a_tenant(tenant):
    tenant.api.run("echo")
    seen = tenant.admin.get(tenant.path("/usage")).json()
    own = tenant.api.usage()
    for key in ("period_start", "period_end", "total_runs", "total_tokens", "total_api_calls", "quota_runs"):
        assert seen[key] == own[key], key
    daily = tenant.admin.get(tenant.path("/usage/daily?days=30"))
    assert daily.status_code == 200
    (day,) = daily.json()["daily_usage"]
    assert (day["date"], day["runs"]) == (own["daily_usage"][0]["date"], 1)
    for days in ("0", "x", "-1"):
        error_of(tenant.admin.get(tenant.path(f"/usage/daily?days={days}")), 400)


# -- the platform -----------------------------------------------------------------------------------------------


def only_list(response):
    """The one list in an answer whose name the contract leaves to the reader."""
    assert response.status_code == 200, response.text
    (found,) = [value for value in response.json().values() if isinstance(value, list)]
    return found


def test_templates_are_listed_by_product_type(admin):
    names = {template["name"] for template in only_list(admin.get("/api/admin/agent-templates?product_type=generic"))}
    assert names == {"risk-analyzer", "echo"}
    assert {t["name"] for t in only_list(admin.get("/api/admin/agent-templates"))} == {"risk-analyzer", "echo", "only"}


def test_models_agents_nodes_and_alerts_are_listed(admin, tenant):
    models = listed(admin.get("/api/admin/models"), "models")
    names = [model["name"] for model in models]
    assert "llama-3.3-70b" in names and "sim-model" in names
    assert "provider-key" not in str(models)
    agents = everything(admin, "/api/admin/agents", "agents")
    assert len([a for a in agents if a.get("tenant_id") == tenant.id or a["id"] == tenant.api.agent("echo")["id"]]) >= 1
    nodes = listed(admin.get("/api/admin/nodes"), "nodes")
    assert len(nodes) >= 1
    listed(admin.get("/api/admin/alerts"), "alerts")


def test_stats_are_an_object_of_numbers(admin, tenant):
    stats = admin.get("/api/admin/stats").json()
    assert any(isinstance(value, int) and value > 0 for value in stats.values()), stats


# -- audit log ------------------------------------------------------------------------------------------------------


def audit(admin, needle, limit=200):
    """The entries that speak of `needle`."""
    return [entry for entry in listed(admin.get(f"/api/admin/audit-log?limit={limit}"), "entries")
            if needle in str(entry)]


def await_audit(admin, needle):
    return until(lambda: audit(admin, needle), 10, f"{needle} is in the audit log")


def test_every_change_is_in_the_audit_log_with_its_request_id(admin, tenant):
    changes = {
        "quota": lambda h: admin.put(tenant.path("/quota"), {"quota_runs": 5}, headers=h),
        "agent": lambda h: admin.post(tenant.path("/agents"), {"name": "w", "agent_type": "x",
                                                               "config": {"model": "sim-model"}}, headers=h),
        "agent change": lambda h: admin.put(tenant.path("/agents/w"), {"status": "disabled"}, headers=h),
        "agent removal": lambda h: admin.delete(tenant.path("/agents/w"), headers=h),
        "key": lambda h: admin.post(tenant.path("/api-keys"), {"name": "k"}, headers=h),
        "own key": lambda h: tenant.api.post("/v1/api-keys", {"name": "own"}, headers=h),
        "own removal": lambda h: tenant.api.delete(f"/v1/api-keys/{own_key}", headers=h),
        "provision": lambda h: admin.request("POST", "/api/admin/provision-client", headers=h, json={
            "name": unique(), "tier": "free", "product_type": "bare", "api_key_name": "k"}),
    }
    own_key = tenant.new_key()["key"]
    for name, change in changes.items():
        request_id = f"audit-{uuid.uuid4()}"
        response = change({"X-Request-Id": request_id})
        assert response.status_code in (200, 201, 204), (name, response.text)
        entries = await_audit(admin, request_id)
        assert entries, name
        if name != "provision":
            assert tenant.id in str(entries), name


def test_a_refused_change_and_a_read_are_not_in_it(admin, tenant):
    request_id = f"audit-{uuid.uuid4()}"
    admin.get(tenant.path(), headers={"X-Request-Id": request_id})
    admin.put(tenant.path("/quota"), {"tier": "platinum"}, headers={"X-Request-Id": request_id})
    marker = f"audit-{uuid.uuid4()}"
    admin.put(tenant.path("/quota"), {"quota_runs": 5}, headers={"X-Request-Id": marker})
    await_audit(admin, marker)
    assert audit(admin, request_id) == []


def test_the_audit_log_is_newest_first_in_pages(admin, tenant):
    for number in range(4):
        tenant.quota(quota_runs=number)
    await_audit(admin, tenant.id)
    first = admin.get("/api/admin/audit-log?limit=2").json()
    assert len(first["entries"]) == 2 and first["next"] == first["entries"][-1]["id"]
    second = admin.get(f"/api/admin/audit-log?limit=2&after={first['next']}").json()
    ids = [entry["id"] for entry in first["entries"] + second["entries"]]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == 4


def test_the_audit_entries_of_a_deleted_tenant_stay(admin, tenant):
    request_id = f"audit-{uuid.uuid4()}"
    admin.delete(tenant.path(), headers={"X-Request-Id": request_id})
    entries = await_audit(admin, request_id)
    assert tenant.id in str(entries)
    assert len(audit(admin, tenant.id)) >= 2  # its making and its end


def test_no_secret_is_ever_in_the_audit_log(admin, tenant):
    created = tenant.new_key()
    await_audit(admin, created["key"])
    text = admin.get("/api/admin/audit-log?limit=1000").text
    assert created["secret"] not in text and tenant.secret not in text


def test_changes_survive_a_restart(start_node):
    node = start_node()
    tenant = provision(node)
    tenant.quota(quota_runs=5)
    tenant.add_agent("kept", model="sim-model")
    assert node.stop() == 0
    node.start()
    tenant.api.url = node.url
    assert tenant.api.usage()["quota_runs"] == 5
    assert tenant.api.agent("kept")["name"] == "kept"
