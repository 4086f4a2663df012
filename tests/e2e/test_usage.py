"""Section 6, first half: what is counted."""

import calendar
import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import Client

pytestmark = pytest.mark.usefixtures("one_day")

USAGE_KEYS = ["period_start", "period_end", "total_runs", "total_tokens", "total_api_calls",
              "quota_runs", "quota_tokens", "daily_usage"]


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def totals(usage):
    return usage["total_runs"], usage["total_tokens"], usage["total_api_calls"]


def test_usage_of_a_fresh_tenant_has_the_fields_of_the_seed_and_nothing_in_them(tenant):
    usage = tenant.api.usage()
    assert list(usage) == USAGE_KEYS
    assert totals(usage) == (0, 0, 0)
    assert (usage["quota_runs"], usage["quota_tokens"]) == (None, None)
    assert usage["daily_usage"] == []


def test_the_period_is_the_calendar_month(api):
    usage, day = api.usage(), today()
    last = calendar.monthrange(day.year, day.month)[1]
    assert usage["period_start"] == f"{day:%Y-%m}-01T00:00:00Z"
    assert usage["period_end"] == f"{day:%Y-%m}-{last:02}T23:59:59Z"


@pytest.mark.parametrize("tier,runs,tokens", [
    ("free", 1000, 100000), ("dev", 10000, 1000000), ("pro", 100000, 10000000), ("enterprise", None, None),
])
def test_the_quotas_are_the_tiers(new_tenant, tier, runs, tokens):
    usage = new_tenant(tier=tier).api.usage()
    assert (usage["quota_runs"], usage["quota_tokens"]) == (runs, tokens)


def test_runs_chats_streams_and_failures_add_up_exactly(tenant, upstream):
    api = tenant.api
    upstream.script(up.answer(usage=(100, 11)))
    api.run()                                                       # 1 run, 111 tokens
    upstream.script(up.error(500), up.answer(usage=(20, 2)))
    retried = api.run().json()["tokens_used"]                       # 1 run
    upstream.script(up.error(400))
    failed = api.run().json()["tokens_used"]                        # 1 run
    upstream.script(up.answer(usage=(30, 3)))
    api.chat(model="llama-3.3-70b")                                 # 33 tokens
    upstream.script(up.answer(usage=(40, 4)))
    assert api.events(model="llama-3.3-70b")[-1]["tokens_used"] == 44
    api.run("echo", "abcd")                                         # 1 run, 1 + 4 tokens
    usage = api.usage()
    assert totals(usage) == (4, 111 + retried + failed + 33 + 44 + 5, 6)
    (day,) = usage["daily_usage"]
    assert day == {"date": str(today()), "runs": 4, "tokens": usage["total_tokens"], "api_calls": 6}
    assert list(day) == ["date", "runs", "tokens", "api_calls"]


def test_a_usage_response_does_not_count_itself_but_the_next_one_counts_it(api):
    assert [api.usage()["total_api_calls"] for _ in range(4)] == [0, 1, 2, 3]


def test_every_authenticated_request_is_a_call_whatever_its_end(node, tenant):
    api = tenant.api
    counted = [
        api.get("/v1/agents"), api.get("/v1/agents/echo"), api.get("/v1/agents/nope"), api.get("/v1/agents?page=0"),
        api.post("/v1/chat", {}), api.post_raw("/v1/chat", b"{"), api.post_raw("/v1/chat", b"{}", "text/plain"),
        api.chat(model="nope"), api.run("nope"), api.get("/v1/api-keys"), api.post("/v1/api-keys", {"name": "k"}),
        api.delete("/v1/api-keys/nope"), api.get_run("nope"), api.head("/v1/agents"), api.run("echo"),
    ]
    assert [r.status_code for r in counted] == [200, 200, 404, 400, 400, 400, 415, 422, 404, 200, 201, 404, 404, 200, 200]
    uncounted = [
        Client(node.url, {}).get("/v1/agents"), api.get("/v1/nope"), api.delete("/v1/agents"), api.get("/health"),
        Client(node.url, {"Authorization": f"Bearer {tenant.secret}x"}).get("/v1/agents"),
    ]
    assert [r.status_code for r in uncounted] == [401, 404, 405, 200, 401]
    assert api.usage()["total_api_calls"] == len(counted)


def test_requests_refused_with_429_are_no_calls(tenant):
    tenant.quota(quota_runs=1)
    assert [tenant.api.run("echo").status_code for _ in range(3)] == [200, 429, 429]
    assert totals(tenant.api.usage())[2] == 1


def test_what_the_operator_does_is_no_call_of_the_tenant(tenant):
    tenant.add_agent("new", model="sim-model")
    tenant.admin.get(tenant.path("/usage"))
    assert tenant.api.usage()["total_api_calls"] == 0


def test_a_tenant_sees_its_own_usage_only(new_tenant):
    one, other = new_tenant(), new_tenant()
    one.api.run("echo")
    assert totals(other.api.usage()) == (0, 0, 0)
    assert one.api.usage()["total_runs"] == 1


def test_usage_equals_the_history_after_a_crowd(tenant, upstream):
    def work(number):
        client = tenant.client()
        if number % 3 == 0:
            return client.chat("c" * number, model="sim-model").json()["tokens_used"]
        return client.run("echo", "r" * (number + 1)).json()["tokens_used"]

    with ThreadPoolExecutor(12) as pool:
        tokens = sum(pool.map(work, range(90)))
    usage = tenant.api.usage()
    assert totals(usage) == (60, tokens, 90)
    history = tenant.api.all_runs("echo")
    assert len(history) == 60 == tenant.api.agent("echo")["total_runs"]
    (day,) = usage["daily_usage"]
    assert (day["runs"], day["tokens"]) == (60, tokens)
