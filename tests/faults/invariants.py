"""The checkers: each reads the API and the store, and compares both with what the clients were told."""

import json
import time

from harness.node import until

RUNNING_SECONDS_MAX = 10
PATIENCE_SECONDS = 5  # on top: the machine is busy


def quiesce(node, tenants):
    """Waits until nothing is under way. I7: that is within 10 s of the start at the latest."""
    began = time.monotonic()
    until(lambda: open_entries(node, tenants) == {}, RUNNING_SECONDS_MAX + PATIENCE_SECONDS,
          "no open entry is left (I7)", pause=0.2)
    return time.monotonic() - began


def open_entries(node, tenants):
    redis = node.redis()
    try:
        found = {tenant.name: redis.hgetall(f"{{{tenant.id}}}:open") for tenant in tenants}
    finally:
        redis.close()
    return {name: entries for name, entries in found.items() if entries}


def check_tenant(node, tenant, promises, agents, quota_runs=None):
    """I1, I2, I6, I7 for one tenant. Returns how many runs its history holds."""
    api = tenant.client()
    histories = {name: api.all_runs(name) for name in agents}
    runs = {run["id"]: run for history in histories.values() for run in history}
    _all_answered_is_there(promises, runs)
    assert [run for run in runs.values() if run["status"] == "running"] == [], "I7: a run without a process"
    usage = api.usage()
    _counters_equal_the_history(promises, usage, runs)
    for name, history in histories.items():
        _agent_equals_its_history(node, tenant, api.agent(name), history)
    if quota_runs is not None:
        assert usage["total_runs"] <= quota_runs, "I6: the quota was overshot"
    assert promises.wrong == [], promises.wrong[:5]
    return len(runs)


def _all_answered_is_there(promises, runs):
    missing = [run_id for run_id in promises.runs if run_id not in runs]
    assert missing == [], f"I1: {len(missing)} answered runs are missing: {missing[:5]}"
    for run_id, told in promises.runs.items():
        assert told is None or told == runs[run_id], f"I1: {run_id} is not as it was answered"


def _counters_equal_the_history(promises, usage, runs):
    assert usage["total_runs"] == len(runs), f"I2: {usage['total_runs']} counted, {len(runs)} in the history"
    run_tokens = sum(run["tokens_used"] for run in runs.values())
    drift = usage["total_tokens"] - run_tokens - promises.chat_tokens
    assert drift >= 0, f"I2: {-drift} tokens are missing"
    assert drift == 0 or promises.chats_unknown, f"I2: {drift} tokens too many, and every chat was answered"
    for total, daily in (("total_runs", "runs"), ("total_tokens", "tokens"), ("total_api_calls", "api_calls")):
        assert usage[total] <= sum(day[daily] for day in usage["daily_usage"]) + 1, f"I2: {daily} of the days"
    assert usage["total_runs"] == sum(day["runs"] for day in usage["daily_usage"])
    assert usage["total_tokens"] == sum(day["tokens"] for day in usage["daily_usage"])


def _agent_equals_its_history(node, tenant, agent, history):
    assert agent["total_runs"] == len(history), f"I2: {agent['name']} counts {agent['total_runs']} of {len(history)}"
    completed = sum(run["status"] == "completed" for run in history)
    failed = sum(run["status"] == "failed" for run in history)
    rate = round(completed / (completed + failed), 3) if history else 0
    assert abs(agent["success_rate"] - rate) < 0.0011
    assert agent["last_run"] == (history[0]["started_at"] if history else None)
    redis = node.redis()
    stored = redis.hgetall(f"{{{tenant.id}}}:s:{agent['id']}")
    redis.close()
    assert int(stored.get("tokens", 0)) == sum(run["tokens_used"] for run in history), "I2: tokens of the agent"


def check_keys(tenant, promises, sample):
    """I3: one key, one run; the replay has equal bytes. `sample` bounds how many keys are sent again."""
    doubled = {key: ids for key, ids in promises.key_ids.items() if len(ids) > 1}
    assert doubled == {}, f"I3: a key with several runs: {doubled}"
    api = tenant.client()
    for key in list(promises.key_ids)[-sample:]:
        path, body = promises.key_paths[key]
        again = api.post_raw(path, body, headers={"Idempotency-Key": key})
        assert again.status_code == 200 and again.headers["Idempotent-Replayed"] == "true"
        assert {json.loads(again.content)["id"]} == promises.key_ids[key], "I3: another run"
        assert promises.keys[key] <= {again.content}, "I3: other bytes"
