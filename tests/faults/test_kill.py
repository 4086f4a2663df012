"""Kills under load (issue "Never lose, never double"): kill -9 of the node, of its store, of both, and a
store that stands still. After each round the clients' memory is compared with the API and the store.

    pytest tests/faults --fault-seconds 600 --fault-seed 7
"""

import os
import random
import signal
import threading
import time

import pytest
from harness.api import Admin, Api, Client
from harness.fixtures import NodeFactory, closed_port, provision
from harness.node import end_process, until

from invariants import check_keys, check_tenant, quiesce
from load import Load

AGENTS = {"quick": {"model": "sim-model"},
          "slow": {"model": "slow-sim-model"},
          "flaky": {"model": "flaky-model", "max_retries": 0}}
CAPPED_RUNS = 150
KEYS_SENT_AGAIN = 40
ROUND_SECONDS = 8


@pytest.fixture(scope="module")
def seed(request):
    return request.config.getoption("--fault-seed") or random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module")
def node(ares, shared_upstream):
    factory = NodeFactory(ares, shared_upstream)
    port = closed_port()  # the same after every restart, so that the clients find it again
    prepared = factory.prepare(server={"port": port},
                               providers={"sim-flaky": {"type": "simulated", "failure_rate": 0.3}},
                               models={"flaky-model": {"provider": "sim-flaky"}})
    try:
        yield prepared.start()
        assert prepared.stop() == 0
    finally:
        prepared.destroy()


def make_tenant(node, **quota):
    tenant = provision(node, product_type="bare")
    for name, config in AGENTS.items():
        tenant.add_agent(name, **config)
    if quota:
        tenant.quota(**quota)
    return tenant


# -- faults ------------------------------------------------------------------------------


def kill_node(node, dice):
    node.kill()
    time.sleep(dice.uniform(0, 0.5))
    node.start()


def kill_store(node, dice):
    end_process(node.redis_pid())
    until(lambda: healthy(node), 15, "the store is back")


def kill_both(node, dice):
    pid = node.redis_pid()
    first, second = (lambda: end_process(pid), node.kill)
    if dice.random() < 0.5:
        first, second = second, first
    first()
    second()
    # The watch of the killed node may have started the store anew in between.
    if (again := node.redis_pid()):
        end_process(again)
    node.start()


def stop_store(node, dice):
    """I8: 503 with Retry-After while it stands, all well soon after."""
    pid = node.redis_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(dice.uniform(0.7, 2.5))
        assert Client(node.url, {}).get("/health").status_code == 200, "I8: /health during an outage"
        ready = Client(node.url, {}).get("/ready")
        assert ready.status_code == 503, "I8: /ready during an outage"
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: healthy(node), 10, "I8: all is well again without a restart")


def kill_node_while_the_store_stands(node, dice):
    """The new node finds a store that answers nobody, until it does."""
    pid = node.redis_pid()
    os.kill(pid, signal.SIGSTOP)
    node.kill()
    os.kill(pid, signal.SIGCONT)
    node.start()


FAULTS = [kill_node, kill_store, kill_both, stop_store, kill_node_while_the_store_stands]


def healthy(node):
    try:
        return Client(node.url, {}).get("/ready", timeout=2).status_code == 200
    except OSError:
        return False


# -- tests ----------------------------------------------------------------------------------


def test_whatever_is_killed_nothing_is_lost_and_nothing_counts_twice(node, seed, request, capsys):
    dice = random.Random(seed)
    tenants = [make_tenant(node) for _ in range(3)]
    capped = make_tenant(node, quota_runs=CAPPED_RUNS)
    load = None
    kills, rounds, slowest = [], 0, 0.0
    deadline = time.monotonic() + request.config.getoption("--fault-seconds")
    with capsys.disabled():
        print(f"\nfaults: seed {seed}", flush=True)
    promises = {}
    while rounds < len(FAULTS) or time.monotonic() < deadline:
        # Every kind once, in an order of the dice; then whatever falls.
        plan = kills and dice.choices(FAULTS, k=2) or dice.sample(FAULTS, 2)
        unseen = [fault for fault in FAULTS if fault.__name__ not in kills]
        plan[0] = dice.choice(unseen) if unseen else plan[0]
        load = Load(node, tenants + [capped], threads=dice.choice([8, 12, 16]), seed=f"{seed}/{rounds}")
        load.promises.update(promises)
        with load:
            for fault in plan:
                time.sleep(dice.uniform(0.5, ROUND_SECONDS / 3))
                fault(node, dice)
                kills.append(fault.__name__)
            time.sleep(0.5)
        promises = load.promises
        slowest = max(slowest, quiesce(node, tenants + [capped]))
        for tenant in tenants + [capped]:
            quota = CAPPED_RUNS if tenant is capped else None
            check_tenant(node, tenant, promises[tenant.id], list(AGENTS), quota)
            check_keys(tenant, promises[tenant.id], KEYS_SENT_AGAIN)
        rounds += 1
    answered = sum(len(one.runs) for one in promises.values())
    with capsys.disabled():
        print(f"faults: seed {seed}: {rounds} rounds, {summary(kills)}; {answered} runs answered, 0 missing, drift 0 runs; "
              f"{sum(one.broken for one in promises.values())} connections cut, "
              f"{sum(one.unavailable for one in promises.values())} times 503; "
              f"nothing under way {slowest:.1f} s after the load", flush=True)
    assert answered > 100, "the load was too small to mean anything"


def summary(kills):
    return ", ".join(f"{kills.count(fault.__name__)} {fault.__name__.replace('_', ' ')}" for fault in FAULTS)


def test_a_revocation_survives_the_death_of_the_node(node):
    """I4: what was answered with 204 is written."""
    tenant = make_tenant(node)
    for _ in range(3):
        key = tenant.new_key()
        assert Api(node.url, key["secret"]).get("/v1/agents").status_code == 200
        assert tenant.api.delete(f"/v1/api-keys/{key['key']}").status_code == 204
        node.kill()
        node.start()
        assert Api(node.url, key["secret"]).get("/v1/agents").status_code == 401


def test_a_provisioned_tenant_is_whole_or_absent_after_a_kill(node, seed):
    """Kills at random moments of a provisioning: the name is then free, or the tenant is complete."""
    dice = random.Random(seed)
    for number in range(6):
        name, answers = f"half-{seed}-{number}", []

        def provision_once():
            try:
                answers.append(Admin(node.url).provision(name))
            except OSError:
                pass

        thread = threading.Thread(target=provision_once)
        thread.start()
        time.sleep(dice.uniform(0, 0.02))
        node.kill()
        thread.join()
        node.start()
        if answers:
            assert named(node, name)["agent_count"] == 2
        else:  # a sweep may still complete what was begun; else the name can be taken
            until(lambda: named(node, name) or Admin(node.url).provision(name).status_code == 201, 15, "whole or absent")
            assert named(node, name)["agent_count"] == 2


def named(node, name):
    """The tenant of that name, if there is one; never two."""
    tenants = Admin(node.url).get("/api/admin/tenants?limit=1000").json()["tenants"]
    mine = [tenant for tenant in tenants if tenant["name"] == name]
    assert len(mine) <= 1
    return mine[0] if mine else None
