"""Clients that work the nodes hard and write down every promise they are made."""

import json
import random
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field

from client import TIMEOUT_SECONDS, Wire

PAUSE_AFTER_TROUBLE_SECONDS = 0.03
SHARED_KEYS = 16  # idempotency keys that several clients send at once
CANARY = re.compile(rb"canary-([0-9a-f-]{36})")


@dataclass
class Promises:
    """What one tenant's clients were told. Guarded by the lock of its `Load`."""

    runs: dict = field(default_factory=dict)  # id -> the run object of a 200; None where only the id is known
    keys: dict = field(default_factory=lambda: defaultdict(set))  # idempotency key -> bodies of its 200s
    key_ids: dict = field(default_factory=lambda: defaultdict(set))  # idempotency key -> run ids
    key_paths: dict = field(default_factory=dict)
    recent_keys: deque = field(default_factory=lambda: deque(maxlen=SHARED_KEYS))
    revoked: list = field(default_factory=list)  # secrets whose revocation was answered with 204
    chat_tokens: int = 0
    chats_unknown: int = 0  # sent, and no answer came
    refused: int = 0  # 429
    unavailable: int = 0  # 503
    broken: int = 0  # connections that were cut
    slowest_503_ms: float = 0.0  # of runs that were not admitted
    wrong: list = field(default_factory=list)  # answers that no fault excuses


class Load:
    """Threads that send a seeded mix of everything that must not be lost, doubled or mistaken."""

    MIX = {"run": 45, "run_async": 8, "repeat": 10, "repeat_shared": 8, "reset_and_repeat": 5, "chat": 12, "stream": 7,
           "cancel": 3, "foreign": 2, "revoke": 1, "use_revoked": 3}

    def __init__(self, addresses, tenants, threads, seed, mix=None):
        self.addresses = addresses
        self.tenants = tenants
        self.mix = mix or self.MIX
        self.promises = {tenant.id: Promises() for tenant in tenants}
        self.lock = threading.Lock()
        self.failures = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(random.Random(f"{seed}/{n}"),), daemon=True)
                         for n in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS + 10)
            assert not thread.is_alive(), "a client never got an answer nor an error"
        assert self.failures == [], self.failures[:3]

    def _work(self, dice):
        wires = [Wire(address) for address in self.addresses]
        actions = [getattr(self, "_" + name) for name in self.mix]
        weights = list(self.mix.values())
        try:
            while not self._stop.is_set():
                tenant = dice.choice(self.tenants)
                action = dice.choices(actions, weights)[0]
                if not action(dice.choice(wires), tenant, self.promises[tenant.id], dice):
                    time.sleep(PAUSE_AFTER_TROUBLE_SECONDS)
        except Exception as failure:  # not swallowed: told when the load ends
            self.failures.append(repr(failure))
        for wire in wires:
            wire.close()

    # -- runs: each action returns False where there was trouble ----------------

    def _input(self, tenant, dice):
        return json.dumps({"input": {"message": f"canary-{tenant.id}" + "m" * dice.randint(1, 60)}}).encode()

    def _path(self, dice):
        return f"/v1/agents/{dice.choices(['quick', 'slow', 'flaky'], [82, 3, 15])[0]}/run"

    def _run(self, wire, tenant, promises, dice):
        answer = wire.request("POST", self._path(dice), tenant.secret, self._input(tenant, dice))
        return self._note_run(tenant, promises, answer, timed=True) is not None

    def _run_async(self, wire, tenant, promises, dice):
        answer = wire.request("POST", self._path(dice), tenant.secret, self._input(tenant, dice),
                              {"Prefer": "respond-async"})
        return self._note_run(tenant, promises, answer) is not None

    def _note_run(self, tenant, promises, answer, key=None, timed=False):
        """The run that the answer promises, if it does."""
        with self.lock:
            if not self._judge(tenant, promises, answer, timed=timed):
                return None
            run = answer.json()
            if answer.status == 200:
                promises.runs[run["id"]] = run
                if run["status"] == "running":
                    promises.wrong.append(answer.body)
            else:
                promises.runs.setdefault(run["id"], None)
            if key:
                promises.key_ids[key].add(run["id"])
                if answer.status == 200:
                    promises.keys[key].add(answer.body)
            return run

    # -- idempotency keys ---------------------------------------------------------

    def _new_key(self, tenant, promises, dice):
        key, path, body = str(uuid.UUID(int=dice.getrandbits(128))), self._path(dice), self._input(tenant, dice)
        with self.lock:
            promises.key_paths[key] = (path, body)
            promises.recent_keys.append(key)
        return key

    def _send_key(self, wire, tenant, promises, key):
        path, body = promises.key_paths[key]
        answer = wire.request("POST", path, tenant.secret, body, {"Idempotency-Key": key})
        return self._note_run(tenant, promises, answer, key) is not None

    def _repeat(self, wire, tenant, promises, dice):
        key = self._new_key(tenant, promises, dice)
        return all(self._send_key(wire, tenant, promises, key) for _ in range(dice.randint(1, 3)))

    def _repeat_shared(self, wire, tenant, promises, dice):
        """A key that others send at this very moment."""
        with self.lock:
            keys = list(promises.recent_keys)
        return self._send_key(wire, tenant, promises, dice.choice(keys) if keys else self._new_key(tenant, promises, dice))

    def _reset_and_repeat(self, wire, tenant, promises, dice):
        """The client's connection is reset at a random moment; it asks again."""
        key = self._new_key(tenant, promises, dice)
        path, body = promises.key_paths[key]
        try:
            wire.send("POST", path, tenant.secret, body, {"Idempotency-Key": key})
            time.sleep(dice.choice([0, 0.001, 0.005]))
            wire.reset()
        except OSError:
            wire.close()
        return self._send_key(wire, tenant, promises, key)

    # -- chats --------------------------------------------------------------------

    def _chat_body(self, tenant, dice):
        content = f"canary-{tenant.id}" + "c" * dice.randint(1, 60)
        model = dice.choices(["sim-model", "slow-sim-model"], [95, 5])[0]
        return json.dumps({"messages": [{"role": "user", "content": content}], "model": model}).encode()

    def _chat(self, wire, tenant, promises, dice):
        answer = wire.request("POST", "/v1/chat", tenant.secret, self._chat_body(tenant, dice))
        with self.lock:
            if not self._judge(tenant, promises, answer, chat=True):
                return False
            promises.chat_tokens += answer.json()["tokens_used"]
        return True

    def _stream(self, wire, tenant, promises, dice):
        answer = wire.request("POST", "/v1/chat/stream", tenant.secret, self._chat_body(tenant, dice))
        with self.lock:
            if not self._judge(tenant, promises, answer, chat=True):
                return False
            last = json.loads(answer.body.decode().strip().rsplit("data: ", 1)[1])
            if last["finish_reason"] == "stop":
                promises.chat_tokens += last["tokens_used"]
            else:
                promises.chats_unknown += 1
        return True

    # -- what must be refused -------------------------------------------------------

    def _cancel(self, wire, tenant, promises, dice):
        answer = wire.request("POST", "/v1/agents/slow/run", tenant.secret, self._input(tenant, dice),
                              {"Prefer": "respond-async"})
        run = self._note_run(tenant, promises, answer)
        if run is None:
            return False
        answer = wire.request("POST", f"/v1/runs/{run['id']}/cancel", tenant.secret)
        if answer is not None and answer.status == 409:
            return True
        return self._note_run(tenant, promises, answer) is not None

    def _foreign(self, wire, tenant, promises, dice):
        """I5: another tenant's run is not there, for reading nor for cancelling."""
        other = dice.choice([one for one in self.tenants if one is not tenant] or [tenant])
        with self.lock:
            ids = list(self.promises[other.id].runs)[-20:]
        if not ids or other is tenant:
            return True
        method, rest = dice.choice([("GET", ""), ("POST", "/cancel"), ("GET", "/stream")])
        answers = [wire.request(method, f"/v1/runs/{run_id}{rest}", tenant.secret)
                   for run_id in (dice.choice(ids), str(uuid.UUID(int=dice.getrandbits(128), version=4)))]
        with self.lock:
            for answer in answers:
                if answer is None or answer.status == 503:
                    return False
                if answer.status != 404 or sorted(answer.json()) != ["code", "error", "request_id"]:
                    promises.wrong.append(("I5", answer.status, answer.body))
            if len({answer.json()["error"] for answer in answers}) != 1:
                promises.wrong.append(("I5: told apart", [answer.body for answer in answers]))
        return True

    def _revoke(self, wire, tenant, promises, dice):
        made = wire.request("POST", "/v1/api-keys", tenant.secret, b'{"name":"short-lived"}')
        if made is None or made.status != 201:
            return False
        key = made.json()
        wire.request("GET", "/v1/agents", key["secret"])
        gone = wire.request("DELETE", f"/v1/api-keys/{key['key']}", tenant.secret)
        if gone is None or gone.status != 204:
            return False
        with self.lock:
            promises.revoked.append(key["secret"])
        return True

    def _use_revoked(self, wire, tenant, promises, dice):
        """I4: sent after the 204, so never served, whichever node, whatever died in between."""
        with self.lock:
            secrets = promises.revoked[-3:] + promises.revoked[:1]
        if not secrets:
            return True
        answer = wire.request("POST", "/v1/agents/quick/run", dice.choice(secrets), self._input(tenant, dice))
        with self.lock:
            if answer is not None and answer.status not in (401, 503):
                promises.wrong.append(("I4: a revoked key", answer.status, answer.body))
        return answer is not None and answer.status == 401

    # -- judgement --------------------------------------------------------------------

    def _judge(self, tenant, promises, answer, chat=False, timed=False):
        """True if the answer is a promise; else counts why not."""
        if answer is None:
            promises.broken += 1
            promises.chats_unknown += chat
            return False
        if any(found != tenant.id.encode() for found in CANARY.findall(answer.text())):
            promises.wrong.append(("I5: a foreign canary", answer.body))
        if answer.status in (200, 202):
            return True
        place = answer.headers.get("location")
        if answer.status == 429:
            promises.refused += 1
        elif answer.status == 503 and (answer.headers.get("retry-after") or place):
            promises.unavailable += 1
            promises.chats_unknown += chat
            if place:  # admitted, but its end is not stored yet
                promises.runs.setdefault(place.rsplit("/", 1)[1], None)
            elif timed:
                promises.slowest_503_ms = max(promises.slowest_503_ms, answer.milliseconds)
        else:
            promises.wrong.append((answer.status, answer.body))
        return False
