"""The checkers: each reads the API and the store, and compares both with what the clients were told.

The only file of this suite that knows how a tenant lies in Redis (docs/store.md).
"""

import json
import time

from harness.node import until

RUNNING_SECONDS_MAX = 10
PATIENCE_SECONDS = 10  # on top: the machine is busy
TOKENS_OF_A_REQUEST_MAX = 120  # of this load: prompt and answer


# -- how a tenant lies in Redis ------------------------------------------------------------


def _rows(redis, tenant, kind):
    """The counters of a kind by the rest of their name: each a list of figures (docs/store.md)."""
    stored = redis.hgetall(f"{{{tenant.id}}}:u")
    return {name[1:]: [int(figure) for figure in row.split("|")] for name, row in stored.items() if name[0] == kind}


def stored_usage(redis, tenant):
    """The counters of all days and of all months: {"runs", "tokens", "calls", "requests"} of each."""
    names = ("runs", "tokens", "calls", "requests")
    sums = []
    for kind in "dm":
        rows = _rows(redis, tenant, kind).values()
        sums.append({name: sum(row[i] for row in rows if i < len(row)) for i, name in enumerate(names)})
    return tuple(sums)


def stored_statistics(redis, tenant, agent_id):
    names = ("runs", "completed", "failed", "cancelled", "tokens", "duration_ms", "last_run")
    return dict(zip(names, _rows(redis, tenant, "a").get(agent_id, [])))


def stored_records(redis, tenant, ids):
    """The bytes of each, None where there is none."""
    found = []
    for start in range(0, len(ids), 200):
        found += redis("MGET", *(f"{{{tenant.id}}}:r:{run_id}" for run_id in ids[start:start + 200]))
    return found


def open_entries(redis, tenants):
    found = {tenant.name: redis.hgetall(f"{{{tenant.id}}}:open") for tenant in tenants}
    return {name: entries for name, entries in found.items() if entries}


# -- the checkers ----------------------------------------------------------------------------


def quiesce(stage, tenants):
    """Waits until nothing is under way. I7: that is 10 s after the last fault at the latest."""
    began = time.monotonic()

    def nothing_is_open():
        redis = stage.redis()
        try:
            return open_entries(redis, tenants) == {}
        finally:
            redis.close()

    until(nothing_is_open, RUNNING_SECONDS_MAX + PATIENCE_SECONDS, "no open entry is left (I7)", pause=0.1)
    return time.monotonic() - began


def check_tenant(stage, tenant, promises, agents, may_lose=False):
    """I1, I2, I3, I6, I7 for one tenant, from what it may see and from the store. Returns how many runs its
    history holds. `may_lose`: the store was allowed to lose what it had answered (everysec): what is left must
    agree with itself all the same."""
    api = stage.client(tenant)
    histories = {name: api.all_runs(name) for name in agents}
    runs = {run["id"]: run for history in histories.values() for run in history}
    assert len(runs) == sum(map(len, histories.values())), "a run stands in a history twice"
    if not may_lose:
        _all_answered_is_there(promises, runs)
    assert [run for run in runs.values() if run["status"] == "running"] == [], "I7: a run without a process"
    usage = api.usage()
    _counters_equal_the_history(promises, usage, runs, may_lose)
    redis = stage.redis()
    try:
        _store_equals_the_api(redis, tenant, usage, runs)
        for name, history in histories.items():
            _agent_equals_its_history(redis, tenant, api.agent(name), history)
    finally:
        redis.close()
    _quotas_hold(tenant, usage)
    assert promises.wrong == [], promises.wrong[:5]
    return len(runs)


def _all_answered_is_there(promises, runs):
    missing = [run_id for run_id in promises.runs if run_id not in runs]
    assert missing == [], f"I1: {len(missing)} answered runs are missing: {missing[:5]}"
    for run_id, told in promises.runs.items():
        assert told is None or told == runs[run_id], f"I1: {run_id} is not as it was answered: {told} {runs[run_id]}"


def _counters_equal_the_history(promises, usage, runs, may_lose):
    assert usage["total_runs"] == len(runs), f"I2: {usage['total_runs']} counted, {len(runs)} in the history"
    run_tokens = sum(run["tokens_used"] for run in runs.values())
    drift = usage["total_tokens"] - run_tokens - (0 if may_lose else promises.chat_tokens)
    assert drift >= 0, f"I2: {-drift} tokens are missing"
    assert drift == 0 or promises.chats_unknown or may_lose, f"I2: {drift} tokens too many, and every chat was answered"
    assert usage["total_runs"] == sum(day["runs"] for day in usage["daily_usage"])
    assert usage["total_tokens"] == sum(day["tokens"] for day in usage["daily_usage"])
    assert usage["total_api_calls"] == sum(day["api_calls"] for day in usage["daily_usage"])


def _store_equals_the_api(redis, tenant, usage, runs):
    assert open_entries(redis, [tenant]) == {}, "I2: an open entry after quiescence"
    days, months = stored_usage(redis, tenant)
    for of in (days, months):
        assert of["runs"] == usage["total_runs"], f"I2: the store's runs: {of}"
        assert of["tokens"] == usage["total_tokens"], f"I2: the store's tokens: {of}"
    # Calls: the usage answer itself was counted behind what it says, and so was what was asked since.
    assert days["calls"] == months["calls"] >= usage["total_api_calls"]
    assert days["requests"] >= len(runs), "I2: a run without a request"
    ids = list(runs)
    for run_id, stored in zip(ids, stored_records(redis, tenant, ids)):
        assert stored is not None, f"I2: {run_id} stands in the history without a record"
        assert json.loads(stored) == runs[run_id], "the API shows another run than the store holds"


def _agent_equals_its_history(redis, tenant, agent, history):
    assert agent["total_runs"] == len(history), f"I2: {agent['name']} counts {agent['total_runs']} of {len(history)}"
    completed, failed = (sum(run["status"] == status for run in history) for status in ("completed", "failed"))
    rate = round(completed / (completed + failed), 3) if completed + failed else 0
    assert abs(agent["success_rate"] - rate) < 0.0011
    # Ids are made in front of the admission: the newest by its id may have started a moment earlier.
    assert agent["last_run"] == max((run["started_at"] for run in history), default=None), "I2: last_run"
    stored = stored_statistics(redis, tenant, agent["id"])
    assert stored.get("tokens", 0) == sum(run["tokens_used"] for run in history), "I2: tokens of the agent"
    assert stored.get("duration_ms", 0) == sum(run["duration_ms"] for run in history), "I2: time of the agent"
    counted = {status: stored.get(status, 0) for status in ("completed", "failed", "cancelled")}
    assert counted == {status: sum(run["status"] == status for run in history) for status in counted}, "I2: ends"


def _quotas_hold(tenant, usage):
    """I6. `tenant.in_flight_max`: how many requests its clients can have under way."""
    if usage["quota_runs"] is not None:
        assert usage["total_runs"] <= usage["quota_runs"], "I6: the quota of runs was overshot"
    if usage["quota_tokens"] is not None:
        most = usage["quota_tokens"] + tenant.in_flight_max * TOKENS_OF_A_REQUEST_MAX
        assert usage["total_tokens"] <= most, "I6: tokens were overshot by more than was in flight"


def check_keys(stage, tenant, promises, sample):
    """I3: one key, one run; the replay has equal bytes, on any node. `sample` bounds how many are sent again."""
    doubled = {key: ids for key, ids in promises.key_ids.items() if len(ids) > 1}
    assert doubled == {}, f"I3: a key with several runs: {doubled}"
    differing = [bodies for bodies in promises.keys.values() if len(bodies) > 1]
    assert differing == [], f"I3: a key with several answers: {differing[:1]}"
    for key in list(promises.key_ids)[-sample:]:
        path, body = promises.key_paths[key]
        for api in stage.clients(tenant):
            again = api.post_raw(path, body, headers={"Idempotency-Key": key})
            assert again.status_code == 200 and again.headers["Idempotent-Replayed"] == "true"
            assert {json.loads(again.content)["id"]} == promises.key_ids[key], "I3: another run"
            assert promises.keys[key] <= {again.content}, "I3: other bytes"


def check_silence(stage):
    """I5: what clients said stands in no log and no metric."""
    for node in stage.nodes:
        assert "canary" not in "\n".join(node.lines), "I5: a prompt in the log"
        assert "canary" not in stage.get(node, "/metrics").text, "I5: a prompt in the metrics"


def check_time(tenant_runs, since, until_then):
    """I10: every run's times are Redis', within the round, whatever the clocks of the nodes said."""
    for run in tenant_runs:
        assert since <= run["started_at"] <= run["finished_at"] <= until_then, f"I10: {run}"
