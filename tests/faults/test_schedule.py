"""Faults under load, at random moments (issue "Never lose, never double"). After each round what the clients were
told is compared with the API and the store.

    pytest -s tests/faults/test_schedule.py --fault-seconds 600 --fault-seed 7
"""

import random
import time
from datetime import datetime, timedelta, timezone

import pytest

from invariants import check_keys, check_silence, check_tenant, check_time, quiesce
from load import Load
from stage import AGENTS, PrivateStage, SharedStage, assert_all_alive

CAPPED_RUNS = 120
CAPPED_TOKENS = 6000
KEYS_SENT_AGAIN = 25
THREADS = (8, 24, 48, 64)
PAUSE_SECONDS = (0.3, 1.2)  # of plain load, in front of a fault and behind the last


@pytest.fixture(scope="module")
def seed(request):
    return request.config.getoption("--fault-seed") or random.SystemRandom().randrange(1 << 32)


class Report:
    """What came of all rounds. `print` shows it whether the test passes or not."""

    def __init__(self, title, seed):
        self.title, self.seed = title, seed
        self.faults, self.rounds, self.slowest_quiescence = [], 0, 0.0
        self.promises = []
        self.stored_runs = 0

    def add(self, promises, quiescence):
        self.rounds += 1
        self.promises += promises
        self.slowest_quiescence = max(self.slowest_quiescence, quiescence)

    def total(self, name):
        return sum(getattr(one, name) for one in self.promises)

    def answered(self):
        return sum(len(one.runs) for one in self.promises)

    def print(self, stage):
        kinds = ", ".join(f"{self.faults.count(kind)} {kind.replace('_', ' ')}" for kind in sorted(set(self.faults)))
        print(f"\n{self.title}: seed {self.seed}: {self.rounds} rounds: {kinds}\n"
              f"  {self.answered()} runs acknowledged, {self.stored_runs} stored, 0 missing; drift 0 runs, 0 tokens "
              f"({self.total('chats_unknown')} chats without an answer); {self.total('broken')} connections cut, "
              f"{self.total('unavailable')} times 503, {self.total('refused')} times 429, "
              f"{sum(len(one.revoked) for one in self.promises)} keys revoked\n"
              f"  worst: a 503 after {stage.figures['503']:.0f} ms, well {stage.figures['recovery']:.1f} s after the return, "
              f"nothing under way {self.slowest_quiescence:.1f} s after the load", flush=True)


def rfc3339(seconds_from_now):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now)).strftime("%Y-%m-%dT%H:%M:%SZ")


def plan_of(stage, report, dice):
    """One or two faults; every kind once before any comes twice."""
    unseen = [fault for fault in stage.FAULTS if fault.__name__ not in report.faults]
    long = [fault for fault in getattr(stage, "LONG_FAULTS", []) if fault.__name__ not in report.faults]
    if long and report.rounds % 3 == 2:
        return [long[0]]
    first = dice.choice(unseen or stage.FAULTS)
    return [first] if dice.random() < 0.4 else [first, dice.choice(stage.FAULTS)]


def play_round(stage, report, dice, tenants):
    """Load, and the faults of this round in it. Returns the promises."""
    threads = dice.choice(THREADS)
    load = Load(stage.addresses, tenants, threads, f"{report.seed}/{report.rounds}")
    with load:
        for fault in plan_of(stage, report, dice):
            time.sleep(dice.uniform(*PAUSE_SECONDS))
            report.faults.append(fault.__name__)
            fault(stage, dice)
        time.sleep(dice.uniform(*PAUSE_SECONDS))
    return load.promises


def check_round(stage, tenants, promises, since):
    stored = 0
    for tenant in tenants:
        stored += check_tenant(stage, tenant, promises[tenant.id], AGENTS)
        check_keys(stage, tenant, promises[tenant.id], KEYS_SENT_AGAIN)
        runs = (run for name in AGENTS for run in stage.client(tenant).runs(name, "?per_page=100")["runs"])
        check_time(runs, since, rfc3339(2))
    check_silence(stage)
    return stored


def play(stage, title, seed, seconds):
    dice, report, kept = random.Random(seed), Report(title, seed), []
    deadline = time.monotonic() + seconds
    kinds = len(stage.FAULTS) + len(getattr(stage, "LONG_FAULTS", []))
    print(f"\n{title}: seed {seed}", flush=True)
    try:
        while time.monotonic() < deadline or len(set(report.faults)) < kinds and report.rounds < 3 * kinds:
            since = rfc3339(-2)
            tenants = [stage.tenant(), stage.tenant(), stage.tenant(quota_runs=CAPPED_RUNS),
                       stage.tenant(in_flight_max=max(THREADS), quota_tokens=CAPPED_TOKENS)]
            promises = play_round(stage, report, dice, tenants)
            report.add(promises.values(), quiesce(stage, tenants))
            report.stored_runs += check_round(stage, tenants, promises, since)
            assert_all_alive(stage)
            kept += [(tenant, promises[tenant.id]) for tenant in tenants]
        for tenant, promised in kept:  # what later rounds did harmed nothing of the earlier ones
            check_tenant(stage, tenant, promised, AGENTS)
    finally:
        report.print(stage)
    assert report.answered() > 100, "the load was too small to mean anything"


def test_whatever_happens_to_a_node_and_its_store_nothing_is_lost_and_nothing_counts_twice(
        ares, shared_upstream, seed, request, capsys):
    with capsys.disabled():
        stage = PrivateStage(ares, shared_upstream)
        try:
            play(stage.begin(), "private store", seed, request.config.getoption("--fault-seconds"))
            assert stage.nodes[0].stop() == 0
        finally:
            stage.end()


def test_whatever_happens_between_two_nodes_and_their_store_nothing_is_lost_and_nothing_counts_twice(
        ares, shared_upstream, seed, request, capsys):
    with capsys.disabled():
        stage = SharedStage(ares, shared_upstream)
        try:
            play(stage.begin(), "shared store", seed, request.config.getoption("--fault-seconds"))
            assert [node.stop() for node in stage.nodes] == [0, 0]
        finally:
            stage.end()


def test_everysec_may_lose_the_latest_answers_but_what_is_left_agrees(ares, shared_upstream, seed, capsys):
    """The power is cut while the disk is slow: docs/durability.md says what is lost, and that it is lost whole."""
    dice, lost = random.Random(seed), 0
    stage = PrivateStage(ares, shared_upstream, fsync="everysec")
    try:
        stage.begin()
        for number in range(3):
            tenants = [stage.tenant(), stage.tenant()]
            mix = {name: weight for name, weight in Load.MIX.items() if name not in ("use_revoked", "revoke")}
            time.sleep(1.2)  # what was set up is on the disk
            load = Load(stage.addresses, tenants, 8, f"{seed}/{number}", mix)
            with load:
                time.sleep(dice.uniform(0.8, 1.5))
                stage.disk.set(hold=1, fsync_ms=1500)
                time.sleep(dice.uniform(0.3, 1))
                stage.kill_both_at_once()
            stage.disk.well()
            stage.nodes[0].start()
            quiesce(stage, tenants)
            for tenant in tenants:
                promised = load.promises[tenant.id]
                check_tenant(stage, tenant, promised, AGENTS, may_lose=True)
                there = {run["id"] for name in AGENTS for run in stage.client(tenant).all_runs(name)}
                lost += len(set(promised.runs) - there)
        assert stage.nodes[0].stop() == 0
    finally:
        stage.end()
    with capsys.disabled():
        print(f"\neverysec: seed {seed}: 3 cuts of the power, {lost} answered runs lost, drift 0 runs", flush=True)
    assert lost > 0, "nothing was lost: this test cut nothing"
