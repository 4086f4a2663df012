"""Runs ares-bench and reads its result."""

import json
import subprocess

from .paths import program


def measure(url, *options, pids=None, keys=None, keys_file=None, connections=64, rate=None,
            warmup=0.5, seconds=2.0):
    """The result of one ares-bench, as bench/README.md describes it. `pids`: {name: [pid, ...]}."""
    command = [str(program("ares-bench")), "--quiet", "--json", "-", "-c", str(connections),
               "-w", str(warmup), "-d", str(seconds), *options]
    if rate:
        command += ["-r", str(rate)]
    for key in keys or []:
        command += ["--key", key]
    if keys_file:
        command += ["--keys", str(keys_file)]
    for name, numbers in (pids or {}).items():
        command += ["--pid", name + "=" + ",".join(map(str, numbers))]
    done = subprocess.run([*command, url], stdout=subprocess.PIPE, check=True,
                          timeout=warmup + seconds + 60)
    return json.loads(done.stdout)


def bad_share(result):
    """The share of requests that did not get the answer they should have."""
    bad = sum(result["failures"].values()) + result.get("unfinished", 0)
    bad += sum(count for status, count in result["statuses"].items() if not status.startswith("2"))
    good = result["statuses"].get("200", 0) + result["statuses"].get("202", 0)
    return bad / max(1, bad + good)
