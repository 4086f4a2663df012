#!/usr/bin/env python3
"""How many nodes and Redis masters a load needs, from measured costs.

    bench/scale_model.py                                   the table for 1,000, 100,000, 1,000,000 runs/s
    bench/scale_model.py --node-us 60 --redis-us 28 ...    with other figures

Assumptions, each of which is an option or stands here because it is one:
- A run without a tool costs two script operations (admit, finish) and one provider call; the CPU of the
  model is not counted. What a run costs a node and Redis is measured on one machine (docs/performance.md).
- A node scales with its cores but for `--node-efficiency`; at most `--load` of every core is planned for, the
  rest is for peaks, for the loss of one node in N, and for the kernel.
- Redis executes scripts on one thread, so a master is one core at `--load`. Tenants spread evenly over the
  masters by their hash tag: no tenant alone needs more than a master gives (`runs/s of one tenant` in the
  output is that bound). A replica a master doubles the machines, not the masters.
- `always` bounds a master by its disk as well: `--fsync-us` of one flush, shared by `--batch` operations.
- Runs that are under way cost memory, not CPU: `--run-kib` a run on its node, for `--seconds` each; a stored
  run costs `--record-bytes` of a master's memory for `--retention-days`.
"""

import argparse
import math


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=float, nargs="*", default=[1_000, 100_000, 1_000_000], help="runs/s")
    p.add_argument("--node-us", type=float, default=80.0, help="CPU of a node a run, microseconds")
    p.add_argument("--redis-us", type=float, default=40.0, help="CPU of Redis a run, microseconds")
    p.add_argument("--cores", type=int, default=16, help="cores of a node's machine")
    p.add_argument("--node-efficiency", type=float, default=0.7, help="of a further core against the first")
    p.add_argument("--load", type=float, default=0.6, help="share of a core that is planned for")
    p.add_argument("--fsync-us", type=float, default=300.0, help="one flush of the append-only file")
    p.add_argument("--batch", type=float, default=32.0, help="operations that share a flush under load")
    p.add_argument("--seconds", type=float, default=5.0, help="how long a run is under way")
    p.add_argument("--run-kib", type=float, default=8.0, help="memory of a run under way, KiB")
    p.add_argument("--record-bytes", type=float, default=806.0, help="memory of a stored run")
    p.add_argument("--retention-days", type=float, default=90.0)
    p.add_argument("--master-gib", type=float, default=64.0, help="memory of a master")
    return p.parse_args()


def masters_for(runs, o):
    """By CPU, by flushes and by memory; the largest counts."""
    cpu = runs * o.redis_us / 1e6 / o.load
    flushes = runs * 2 / o.batch * o.fsync_us / 1e6 / o.load
    memory = runs * 86_400 * o.retention_days * o.record_bytes / (o.master_gib * 2**30)
    return math.ceil(max(cpu, 1)), math.ceil(max(flushes, 1)), math.ceil(max(memory, 1))


def nodes_for(runs, o):
    runs_per_node = 1e6 / o.node_us * o.load * (1 + (o.cores - 1) * o.node_efficiency)
    nodes = max(math.ceil(runs / runs_per_node), 1)
    return nodes + 1, runs * o.seconds * o.run_kib / 2**20 / nodes  # one may be lost


def main():
    o = options()
    print(f"{o.node_us:g} us a run on a node ({o.cores} cores), {o.redis_us:g} us on Redis, {o.load:.0%} planned for")
    print(f"one tenant: at most {1e6 / o.redis_us * o.load:,.0f} runs/s, those of its master\n")
    print(f"{'runs/s':>10} {'nodes':>6} {'GiB under way, each':>20} {'masters by CPU':>15} {'by flushes':>11} "
          f"{'by memory, ' + format(o.retention_days, 'g') + ' days':>20}")
    for runs in o.runs:
        nodes, gib = nodes_for(runs, o)
        cpu, flushes, memory = masters_for(runs, o)
        print(f"{runs:>10,.0f} {nodes:>6,} {gib:>20.2f} {cpu:>15,} {flushes:>11,} {memory:>20,}")
    print("\nWhere memory asks for more masters than CPU, keep runs for fewer days, or export them.")


if __name__ == "__main__":
    main()
