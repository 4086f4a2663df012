"""Section 3: agents as their tenant sees them."""

import uuid

import pytest

from harness import upstream as up
from harness.api import error_of

AGENT_KEYS = ["id", "name", "agent_type", "status", "config", "created_at", "last_run", "total_runs", "success_rate"]


@pytest.fixture
def crowd(tenant):
    """A tenant with seven agents: the two of the template and five more."""
    for name in ("zeta", "alpha", "mid_1", "0-first", "beta-2"):
        tenant.add_agent(name, model="sim-model")
    return tenant


NAMES = ["0-first", "alpha", "beta-2", "echo", "mid_1", "risk-analyzer", "zeta"]


def test_an_agent_in_the_list_has_exactly_the_fields_of_the_seed(api):
    answer = api.get("/v1/agents").json()
    assert list(answer) == ["agents", "total", "page", "per_page"]
    for agent in answer["agents"]:
        assert list(agent) == AGENT_KEYS
    agent = answer["agents"][-1]
    assert str(uuid.UUID(agent["id"])) == agent["id"]
    assert (agent["name"], agent["agent_type"], agent["status"]) == ("risk-analyzer", "classifier", "active")
    assert agent["config"] == {"model": "llama-3.3-70b", "tools": ["calculator"]}
    assert (agent["last_run"], agent["total_runs"], agent["success_rate"]) == (None, 0, 0)


def test_the_details_have_the_whole_config_as_it_was_given(tenant):
    agent = tenant.api.agent()
    assert list(agent) == AGENT_KEYS
    assert agent["config"] == {"model": "llama-3.3-70b", "system_prompt": "You are a risk analysis agent...",
                               "tools": ["calculator"], "max_tokens": 2048}
    given = {"model": "sim-model", "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "timeout_ms": 5000,
             "max_retries": 1, "max_tool_iterations": 3, "fallback_models": ["sim-model"],
             "output_schema": {"type": "object"}}
    tenant.add_agent("full", **given)
    assert tenant.api.agent("full")["config"] == given
    in_list = next(a for a in tenant.api.get("/v1/agents").json()["agents"] if a["name"] == "full")
    assert set(in_list["config"]) <= {"model", "tools"} and in_list["config"]["model"] == "sim-model"


def test_agents_are_sorted_by_name(crowd):
    answer = crowd.api.get("/v1/agents").json()
    assert [agent["name"] for agent in answer["agents"]] == NAMES
    assert (answer["total"], answer["page"], answer["per_page"]) == (7, 1, 20)


@pytest.mark.parametrize("query,names,page,per_page", [
    ("?page=1&per_page=3", NAMES[:3], 1, 3),
    ("?page=2&per_page=3", NAMES[3:6], 2, 3),
    ("?page=3&per_page=3", NAMES[6:], 3, 3),
    ("?page=4&per_page=3", [], 4, 3),
    ("?page=1000000", [], 1000000, 20),
    ("?per_page=1", NAMES[:1], 1, 1),
    ("?per_page=100", NAMES, 1, 100),
    ("?per_page=101", NAMES, 1, 100),
    ("?per_page=1000000", NAMES, 1, 100),
    ("?page=2", [], 2, 20),
    ("?per_page=7&page=1", NAMES, 1, 7),
])
def test_paging_cuts_the_list_and_says_how(crowd, query, names, page, per_page):
    answer = crowd.api.get("/v1/agents" + query).json()
    assert [agent["name"] for agent in answer["agents"]] == names
    assert (answer["total"], answer["page"], answer["per_page"]) == (7, page, per_page)


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "", "1e2", "%201", "0x1", "null"])
def test_what_is_no_positive_integer_is_400(api, value):
    for path in ("/v1/agents", "/v1/agents/echo/runs"):
        assert "page" in error_of(api.get(f"{path}?page={value}"), 400)
        assert "per_page" in error_of(api.get(f"{path}?per_page={value}"), 400)


def test_an_unknown_agent_is_404(api):
    error_of(api.get("/v1/agents/nope"), 404, "not_found")
    error_of(api.get("/v1/agents/nope/runs"), 404, "not_found")
    error_of(api.run("nope"), 404, "not_found")


def test_another_tenants_agent_is_as_one_that_never_was(new_tenant):
    mine, theirs = new_tenant(), new_tenant()
    theirs.add_agent("secret-agent", model="sim-model")
    for method, path, body in (("GET", "", None), ("GET", "/runs", None), ("POST", "/run", {"input": {"message": "m"}})):
        headers = {"X-Request-Id": "same"}
        foreign = mine.api.request(method, f"/v1/agents/secret-agent{path}", json=body, headers=headers)
        never = mine.api.request(method, f"/v1/agents/never-agent1{path}", json=body, headers=headers)
        assert foreign.status_code == 404 and foreign.text == never.text


def test_statistics_follow_the_runs_at_once(tenant, upstream):
    upstream.script(up.answer(), up.error(400), up.answer())
    runs = [tenant.api.run().json() for _ in range(3)]
    assert [run["status"] for run in runs] == ["completed", "failed", "completed"]
    agent = tenant.api.agent()
    assert (agent["total_runs"], agent["success_rate"]) == (3, 0.667)
    assert agent["last_run"] == runs[-1]["started_at"]
    in_list = next(a for a in tenant.api.get("/v1/agents").json()["agents"] if a["name"] == "risk-analyzer")
    assert {k: v for k, v in in_list.items() if k != "config"} == {k: v for k, v in agent.items() if k != "config"}


def test_an_agent_that_only_failed_has_success_rate_zero(tenant, upstream):
    upstream.always(up.error(400))
    assert tenant.api.run().json()["status"] == "failed"
    agent = tenant.api.agent()
    assert (agent["total_runs"], agent["success_rate"]) == (1, 0)


def test_chats_are_not_runs_of_an_agent(tenant):
    assert tenant.api.chat(agent_type="echo").status_code == 200
    agent = tenant.api.agent("echo")
    assert (agent["total_runs"], agent["last_run"]) == (0, None)


def test_a_disabled_agent_is_listed_and_refuses_runs(tenant):
    changed = tenant.change_agent("echo", status="disabled")
    assert changed["status"] == "disabled"
    assert tenant.api.agent("echo")["status"] == "disabled"
    assert len(tenant.api.get("/v1/agents").json()["agents"]) == 2
    error_of(tenant.api.run("echo"), 409, "agent_disabled")
    error_of(tenant.api.run_async("echo"), 409, "agent_disabled")
    assert tenant.api.agent("echo")["total_runs"] == 0
    tenant.change_agent("echo", status="active")
    assert tenant.api.run("echo").status_code == 200


def test_a_changed_agent_takes_effect_at_once(tenant, upstream):
    tenant.change_agent("risk-analyzer", config={"system_prompt": "New words."})
    assert tenant.api.run().json()["status"] == "completed"
    assert upstream.last.messages[0] == {"role": "system", "content": "New words."}
    assert tenant.api.agent()["config"]["system_prompt"] == "New words."


def test_a_new_agent_runs_at_once_also_where_its_tenant_was_active_before(tenant):
    assert tenant.api.run("echo").status_code == 200  # the node knows the tenant now
    for number in range(3):
        tenant.add_agent(f"new-{number}", f"type-{number}", model="sim-model")
        assert tenant.api.run(f"new-{number}").status_code == 200
        assert tenant.api.chat(agent_type=f"type-{number}").status_code == 200


def test_a_new_agent_is_found_at_once_by_its_type(tenant):
    assert tenant.api.chat(agent_type="echo").status_code == 200
    tenant.add_agent("new", "new-type", model="sim-model")
    assert tenant.api.chat(agent_type="new-type").status_code == 200
    tenant.add_agent("other", "other-type", model="sim-model")
    assert len(tenant.api.events(agent_type="other-type")) >= 2


def test_a_deleted_agent_is_gone_but_its_runs_stay_readable_by_id_and_counted(tenant):
    run = tenant.api.run("echo").json()
    assert tenant.admin.delete(tenant.path("/agents/echo")).status_code == 204
    error_of(tenant.api.get("/v1/agents/echo"), 404)
    error_of(tenant.api.run("echo"), 404)
    assert tenant.api.get_run(run["id"]).json() == run
    usage = tenant.api.usage()
    assert (usage["total_runs"], usage["total_tokens"]) == (1, run["tokens_used"])


def test_an_agent_made_anew_under_an_old_name_starts_from_nothing(tenant):
    first = tenant.api.agent("echo")["id"]
    tenant.api.run("echo")
    assert tenant.admin.delete(tenant.path("/agents/echo")).status_code == 204
    tenant.add_agent("echo", model="sim-model")
    agent = tenant.api.agent("echo")
    assert agent["id"] != first
    assert (agent["total_runs"], agent["last_run"]) == (0, None)
    assert tenant.api.runs("echo")["total"] == 0
