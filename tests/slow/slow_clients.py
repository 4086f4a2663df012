#!/usr/bin/python3
"""What slow and dead clients cost: `./dev slow` (docs/slow-clients.md).

1. slowhttptest -H, -B and -X with 2,000 connections each: is a node available throughout, and when is the last one closed?
2. 500 readers of a stream that take no byte, then 500 that take one byte a second: memory, when they are cut, and what
   other clients notice of it.

Prints a table; asserts nothing, for it measures time.
"""

import argparse
import contextlib
import csv
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness.api import Api  # noqa: E402
from harness.fixtures import base_config, provision  # noqa: E402
from harness.flood import FloodUpstream, StreamReader, resident_kib  # noqa: E402
from harness.node import Node  # noqa: E402

MODES = {
    "-H": ["-i", "3", "-x", "24", "-u", "/v1/agents"],
    "-B": ["-i", "3", "-x", "10", "-s", "8192", "-u", "/v1/chat", "-f", "application/json"],
    "-X": ["-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3", "-u", "/openapi.json"],
}


class NoUpstream:
    base_url = "http://127.0.0.1:1/v1"


def probe_until_told(url, secret, control):
    """A process of its own: a chat after the other over one connection; how long each took."""
    api, took_ms, failed = Api(url, secret), [], 0
    while not control.poll(0.005):
        begin = time.monotonic()
        try:
            failed += api.chat(model="sim-model").status_code != 200
        except OSError:
            failed += 1
        took_ms.append((time.monotonic() - begin) * 1000)
    control.send((took_ms, failed))


class Probe:
    """Another client."""

    def __init__(self, tenant):
        self._control, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=probe_until_told, args=(tenant.url, tenant.secret, theirs), daemon=True)
        self._process.start()

    def result(self):
        self._control.send("enough")
        took_ms, failed = self._control.recv()
        self._process.join()
        ordered = sorted(took_ms)
        at = lambda share: ordered[min(int(len(ordered) * share), len(ordered) - 1)]
        return {"chats": len(ordered), "failed": failed, "p50_ms": at(0.5), "p99_ms": at(0.99)}


def flood(control):
    """The upstream, which stands for other machines: it gives way to the node."""
    os.nice(10)
    upstream = FloodUpstream()
    control.send(upstream.provider())
    control.recv()


def probed(tenant, seconds):
    probe = Probe(tenant)
    time.sleep(seconds)
    return probe.result()


def said(result):
    return f"{result['chats']} chats, {result['failed']} failed, p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms"


def open_files(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def slow_connections(node, tenant, mode, count, folder, seconds):
    report = Path(folder) / f"slowhttptest{mode}"
    probe = Probe(tenant)
    begin = time.monotonic()
    path = MODES[mode][MODES[mode].index("-u") + 1]
    options = [node.url + path if word == path else word for word in MODES[mode]]
    files = open_files(node)
    attack = subprocess.Popen(["slowhttptest", mode, "-c", str(count), "-r", "500", "-l", str(seconds), "-p", "3", "-g",
                               "-o", str(report), *options], stdout=subprocess.DEVNULL)
    most, last_open = 0, begin
    while attack.poll() is None:  # counted at the node: in -X the tool does not see that it was cut
        here = open_files(node) - files
        most = max(most, here)
        if here > 8:
            last_open = time.monotonic()
        time.sleep(0.2)
    with open(f"{report}.csv") as file:
        rows = [{k.strip(): v.strip() for k, v in row.items() if k} for row in csv.DictReader(file)]
    column = lambda name: [int(row[name]) for row in rows]
    unavailable = sum(1 for value in column("Service Available") if value == 0)
    print(f"slowhttptest {mode}: {most} open at the node at most, none any more {last_open - begin:.0f} s "
          f"after the first, unavailable in {unavailable} of {len(rows)} seconds; "
          f"others: {said(probe.result())}", flush=True)


def stream_readers(node, tenant, count, seconds, takes_bytes):
    baseline = probed(tenant, 10)
    before = resident_kib(node.process.pid)
    probe = Probe(tenant)
    readers, most = [], 0
    for _ in range(count):
        readers.append(StreamReader(node, tenant.api.secret, "flood-model"))
        time.sleep(0.005)  # 200 a second
    begin, cut_at = time.monotonic(), None
    time.sleep(3)  # their buffers are full then
    filling, probe = probe.result(), Probe(tenant)
    while time.monotonic() - begin < seconds and cut_at is None:
        time.sleep(1 if takes_bytes else 0.2)
        most = max(most, resident_kib(node.process.pid))
        gone = [reader.was_cut() for reader in readers]
        if all(gone):
            cut_at = time.monotonic() - begin
        for reader, is_gone in zip(readers, gone):
            if takes_bytes and not is_gone:
                reader.take(1)
    for reader in readers:
        reader.close()
    what = "take one byte a second" if takes_bytes else "take no byte"
    print(f"{count} stream readers that {what}: {(most - before) / count:.0f} KiB each at most, "
          + (f"all cut {cut_at:.1f} s after the last came" if cut_at else f"{sum(gone)} cut within {seconds} s")
          + f"\n  others before: {said(baseline)}\n  while they come: {said(filling)}\n  while they stand: "
          + said(probe.result()), flush=True)
    time.sleep(2)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--ares", default=str(ROOT / "build/release/ares"))
    words.add_argument("--connections", type=int, default=2000)
    words.add_argument("--readers", type=int, default=500)
    words.add_argument("--only", choices=["connections", "readers"])
    chosen = words.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    control, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=flood, args=(theirs,), daemon=True).start()
    provider = control.recv()
    if chosen.only != "readers":
        with a_node(chosen.ares, provider) as (node, tenant), tempfile.TemporaryDirectory() as folder:
            print(f"nobody slow: {said(probed(tenant, 5))}", flush=True)
            for mode in MODES:
                slow_connections(node, tenant, mode, chosen.connections, folder, 130)
    if chosen.only != "connections":
        for takes_bytes in (False, True):
            with a_node(chosen.ares, provider) as (node, tenant):
                stream_readers(node, tenant, chosen.readers, 40, takes_bytes)


@contextlib.contextmanager
def a_node(ares, provider):
    config = base_config(NoUpstream)
    config["server"]["request_timeout_ms"] = 10000
    config["providers"]["flood"] = provider
    config["models"]["flood-model"] = {"provider": "flood"}
    node = Node(ares, config).start()
    try:
        tenant = provision(node)
        tenant.api.chat(model="sim-model")
        yield node, tenant
        node.stop()
    finally:
        node.destroy()


if __name__ == "__main__":
    main()
