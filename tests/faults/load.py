"""Clients that work a node hard and write down every promise it makes them."""

import http.client
import json
import random
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

CLIENT_TIMEOUT_SECONDS = 30
PAUSE_AFTER_TROUBLE_SECONDS = 0.05


@dataclass
class Promises:
    """What one tenant's clients were told. Guarded by the lock of its `Load`."""

    runs: dict = field(default_factory=dict)  # id -> the run object of a 200; None for a 202
    keys: dict = field(default_factory=lambda: defaultdict(set))  # idempotency key -> bodies of its 200s
    key_ids: dict = field(default_factory=lambda: defaultdict(set))  # idempotency key -> run ids
    key_paths: dict = field(default_factory=dict)
    chat_tokens: int = 0
    chats_unknown: int = 0  # sent, and no answer came
    refused: int = 0
    unavailable: int = 0
    broken: int = 0  # connections that were cut
    wrong: list = field(default_factory=list)  # answers that no fault excuses


class Load:
    """Threads that send a seeded mix of runs, repeats, asynchronous runs, chats and streams."""

    def __init__(self, node, tenants, threads, seed):
        self.address = node.address
        self.tenants = tenants
        self.promises = {tenant.id: Promises() for tenant in tenants}
        self.lock = threading.Lock()
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
            thread.join(CLIENT_TIMEOUT_SECONDS + 10)
            assert not thread.is_alive(), "a client never got an answer nor an error"

    def _work(self, dice):
        connection = None
        while not self._stop.is_set():
            tenant = dice.choice(self.tenants)
            connection = connection or http.client.HTTPConnection(*self.address, timeout=CLIENT_TIMEOUT_SECONDS)
            if not self._step(connection, tenant, dice):
                connection.close()
                connection = None
                time.sleep(PAUSE_AFTER_TROUBLE_SECONDS)
        if connection:
            connection.close()

    def _step(self, connection, tenant, dice):
        """One request. False: take a new connection."""
        action = dice.choices([self._run, self._async, self._repeat, self._chat, self._stream], [50, 10, 15, 15, 10])[0]
        return action(connection, tenant, self.promises[tenant.id], dice)

    def _send(self, connection, tenant, path, body, headers=None):
        """Status, body and headers; None where the connection broke."""
        try:
            connection.request("POST", path, body=body, headers={
                "Authorization": f"Bearer {tenant.secret}", "Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        except (OSError, http.client.HTTPException):
            return None

    # -- the kinds of request --------------------------------------------------

    def _agent(self, dice):
        return dice.choices(["quick", "slow", "flaky"], [70, 15, 15])[0]

    def _input(self, dice):
        return json.dumps({"input": {"message": "m" * dice.randint(1, 60)}}).encode()

    def _run(self, connection, tenant, promises, dice, headers=None, path=None, body=None):
        path = path or f"/v1/agents/{self._agent(dice)}/run"
        answer = self._send(connection, tenant, path, body or self._input(dice), headers)
        with self.lock:
            if not self._judge(promises, answer):
                return answer is not None
            status, text, _ = answer
            run = json.loads(text)
            if status == 200:
                promises.runs[run["id"]] = run
                if run["status"] not in ("completed", "failed"):
                    promises.wrong.append(text)
            else:
                promises.runs.setdefault(run["id"], None)
            if headers and "Idempotency-Key" in headers:
                key = headers["Idempotency-Key"]
                promises.key_ids[key].add(run["id"])
                if status == 200:
                    promises.keys[key].add(text)
        return True

    def _async(self, connection, tenant, promises, dice):
        return self._run(connection, tenant, promises, dice, {"Prefer": "respond-async"})

    def _repeat(self, connection, tenant, promises, dice):
        """One key, sent up to three times."""
        key, path, body = str(uuid.UUID(int=dice.getrandbits(128))), f"/v1/agents/{self._agent(dice)}/run", self._input(dice)
        with self.lock:
            promises.key_paths[key] = (path, body)
        for _ in range(dice.randint(1, 3)):
            if not self._run(connection, tenant, promises, dice, {"Idempotency-Key": key}, path, body):
                return False
        return True

    def _chat(self, connection, tenant, promises, dice):
        body = {"messages": [{"role": "user", "content": "c" * dice.randint(1, 60)}], "model": "sim-model"}
        answer = self._send(connection, tenant, "/v1/chat", json.dumps(body).encode())
        with self.lock:
            if self._judge(promises, answer, chat=True):
                promises.chat_tokens += json.loads(answer[1])["tokens_used"]
        return answer is not None

    def _stream(self, connection, tenant, promises, dice):
        body = {"messages": [{"role": "user", "content": "s" * dice.randint(1, 60)}], "model": "sim-model"}
        answer = self._send(connection, tenant, "/v1/chat/stream", json.dumps(body).encode())
        with self.lock:
            if self._judge(promises, answer, chat=True):
                last = json.loads(answer[1].decode().strip().rsplit("data: ", 1)[1])
                if last["finish_reason"] == "stop":
                    promises.chat_tokens += last["tokens_used"]
                else:
                    promises.chats_unknown += 1
        return answer is not None

    def _judge(self, promises, answer, chat=False):
        """True if the answer is a promise; else counts why not."""
        if answer is None:
            promises.broken += 1
            promises.chats_unknown += chat
            return False
        status, text, headers = answer
        if status in (200, 202):
            return True
        if status == 429:
            promises.refused += 1
        elif status == 503 and (headers.get("Retry-After") or headers.get("Location")):
            promises.unavailable += 1
            promises.chats_unknown += chat
            if (place := headers.get("Location")):  # admitted, but its end is not stored yet
                promises.runs.setdefault(place.rsplit("/", 1)[1], None)
        else:
            promises.wrong.append((status, text))
        return False
