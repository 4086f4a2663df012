"""Section 6, second half: what is refused, and what the headers say."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import error_of
from harness.fixtures import provision
from harness.node import until

pytestmark = pytest.mark.usefixtures("one_day")

DAY = "Daily request limit reached for your tier"
RUNS = "Monthly request quota exceeded"
TOKENS = "Monthly token quota exceeded"
RATE = "Rate limit exceeded"
LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Quota-Tokens-Remaining")


def executing(api):
    """The answers of the three endpoints that limits refuse."""
    answers = [api.run("echo"), api.chat(model="sim-model"), api.stream(model="sim-model")]
    assert answers[-1].content  # read to its end
    return answers


def refused(response, sentence):
    assert error_of(response, 429) == sentence
    assert int(response.headers["Retry-After"]) > 0


def midnight():
    day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=1)
    return f"{day}T00:00:00Z"


def test_requests_a_day_count_runs_chats_and_streams_together(tenant):
    tenant.quota(requests_per_day=3)
    for left, response in zip((2, 1, 0), executing(tenant.api)):
        assert response.status_code == 200
        assert response.headers["X-RateLimit-Limit"] == "3"
        assert response.headers["X-RateLimit-Remaining"] == str(left)
        assert response.headers["X-RateLimit-Reset"] == midnight()
    for response in executing(tenant.api):
        refused(response, DAY)
        assert response.json()["code"] == "daily_limit"
        assert response.headers["X-RateLimit-Remaining"] == "0"
        assert response.headers["X-RateLimit-Reset"] == midnight()


def test_reads_are_never_refused(tenant):
    run = tenant.api.run("echo").json()
    tenant.quota(requests_per_day=1, quota_runs=1, quota_tokens=1)
    refused(tenant.api.run("echo"), DAY)
    for path in ("/v1/agents", "/v1/agents/echo", "/v1/agents/echo/runs", "/v1/usage", "/v1/api-keys",
                 f"/v1/runs/{run['id']}"):
        assert tenant.api.get(path).status_code == 200
    assert tenant.api.post("/v1/api-keys", {"name": "k"}).status_code == 201


def test_quota_runs_refuses_runs_only(tenant):
    tenant.quota(quota_runs=2)
    assert [tenant.api.run("echo").status_code for _ in range(2)] == [200, 200]
    refusal = tenant.api.run("echo")
    refused(refusal, RUNS)
    assert refusal.json()["code"] == "run_quota"
    refused(tenant.api.run_async("echo"), RUNS)
    assert tenant.api.chat(model="sim-model").status_code == 200
    assert tenant.api.stream(model="sim-model").status_code == 200
    usage = tenant.api.usage()
    assert (usage["total_runs"], usage["quota_runs"]) == (2, 2)
    assert tenant.api.runs("echo")["total"] == 2


def test_quota_tokens_refuses_all_three(tenant):
    tenant.quota(quota_tokens=5)
    first = tenant.api.run("echo", "abcd")  # checked before: 0 of 5; after: 5 of 5
    assert first.status_code == 200 and first.json()["tokens_used"] == 5
    assert first.headers["X-Quota-Tokens-Remaining"] == "5"
    for response in executing(tenant.api):
        refused(response, TOKENS)
        assert response.json()["code"] == "token_quota"
        assert response.headers["X-Quota-Tokens-Remaining"] == "0"
    assert tenant.api.usage()["total_tokens"] == 5


def test_one_token_left_is_enough_to_begin(tenant):
    tenant.quota(quota_tokens=6)
    assert [tenant.api.run("echo", "abcd").status_code for _ in range(3)] == [200, 200, 429]


def test_the_day_is_answered_before_the_runs_and_the_runs_before_the_tokens(tenant):
    tenant.api.run("echo")
    tenant.quota(requests_per_day=1, quota_runs=1, quota_tokens=1)
    refused(tenant.api.run("echo"), DAY)
    tenant.quota(requests_per_day=None)
    refused(tenant.api.run("echo"), RUNS)
    refused(tenant.api.chat(model="sim-model"), TOKENS)
    tenant.quota(quota_runs=None)
    refused(tenant.api.run("echo"), TOKENS)


def test_where_nothing_is_limited_the_headers_are_absent(tenant):
    for response in executing(tenant.api):
        assert response.status_code == 200
        assert not [name for name in LIMIT_HEADERS if name in response.headers]


def test_only_the_headers_of_what_is_limited_appear(tenant):
    tenant.quota(quota_tokens=1000)
    for response in executing(tenant.api):
        assert response.headers["X-Quota-Tokens-Remaining"].isdigit()
        assert "X-RateLimit-Limit" not in response.headers
    tenant.quota(quota_tokens=None, requests_per_day=50)
    for response in executing(tenant.api):
        assert "X-Quota-Tokens-Remaining" not in response.headers
        assert response.headers["X-RateLimit-Limit"] == "50"


def test_failed_runs_and_failed_chats_carry_the_headers_too(tenant, upstream):
    tenant.quota(requests_per_day=10)
    upstream.always(up.error(400))
    assert tenant.api.run().headers["X-RateLimit-Remaining"] == "9"
    answer = tenant.api.chat(model="llama-3.3-70b")
    assert answer.status_code == 502 and answer.headers["X-RateLimit-Remaining"] == "8"


def test_what_is_refused_before_admission_costs_nothing(tenant):
    tenant.quota(requests_per_day=1, quota_runs=1)
    assert tenant.api.run("nope").status_code == 404
    assert tenant.api.post("/v1/agents/echo/run", {}).status_code == 400
    assert tenant.api.chat(model="nope").status_code == 422
    assert tenant.api.run("echo").status_code == 200


def test_a_free_tenant_has_100_requests_a_day(new_tenant):
    tenant = new_tenant(tier="free")
    response = tenant.api.run("echo")
    assert response.headers["X-RateLimit-Limit"] == "100"
    assert response.headers["X-RateLimit-Remaining"] == "99"
    assert response.headers["X-Quota-Tokens-Remaining"] == "100000"


@pytest.mark.parametrize("limit", [1, 10])
def test_runs_never_overshoot_not_by_one(tenant, limit):
    """Invariant I6: 60 runs at once against a small quota."""
    tenant.quota(quota_runs=limit)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: tenant.client().run("echo").status_code, range(60)))
    assert statuses.count(200) == limit and statuses.count(429) == 60 - limit
    assert tenant.api.usage()["total_runs"] == tenant.api.runs("echo")["total"] == limit


def test_the_day_never_overshoots_either(tenant):
    tenant.quota(requests_per_day=15)

    def one(number):
        return executing(tenant.client())[number % 3].status_code

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(12)))  # 36 requests
    refused(tenant.api.run("echo"), DAY)
    usage = tenant.api.usage()
    assert usage["total_api_calls"] == 15


def test_runs_under_way_count_against_the_quota(tenant, upstream):
    gate = threading.Event()
    upstream.always(up.answer(gate=gate))
    tenant.quota(quota_runs=1)
    assert tenant.api.run_async().status_code == 202
    refused(tenant.api.run(), RUNS)
    gate.set()


def test_max_in_flight_of_the_tier_bounds_what_runs_at_once(new_tenant, upstream):
    tenant = new_tenant(tier="narrow")
    gate = threading.Event()
    upstream.always(up.answer(gate=gate))
    assert tenant.api.run_async().status_code == 202
    for response in executing(tenant.api):
        refused(response, RATE)
        assert response.json()["code"] == "rate_limited"
    assert tenant.api.get("/v1/agents").status_code == 200
    gate.set()
    until(lambda: tenant.api.run("echo").status_code == 200, 10, "the place is free again")


def test_a_raised_quota_takes_effect_at_once(tenant):
    tenant.quota(quota_runs=1)
    assert [tenant.api.run("echo").status_code for _ in range(2)] == [200, 429]
    tenant.quota(quota_runs=2)
    assert [tenant.api.run("echo").status_code for _ in range(2)] == [200, 429]


def test_a_configured_tier_replaces_the_default_figures(start_node):
    node = start_node(tiers={"free": {"quota_runs": 1}, "custom": {"quota_tokens": 77}})
    free, custom = provision(node, tier="free"), provision(node, tier="custom")
    assert [free.api.run("echo").status_code for _ in range(2)] == [200, 429]
    assert custom.api.usage()["quota_tokens"] == 77
