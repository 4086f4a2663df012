#!/usr/bin/env python3
"""Does the fault suite notice? Breaks the program on purpose, one mutant at a time, in a copy of the sources, and
runs the suite on each: every mutant must turn it red. `./dev mutants [name...]`; prints a table.

A mutant is a list of (file, text that stands there once, text to put in its place).

Not among them, for the suite does not notice: an admission that is executed too late (LATE of admit.lua), and one
in doubt that is given up at once (EARLY of settle.lua). It takes a command that Redis executes half a second behind
the node's next ones; tests/store/operations_test.cpp holds both.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = 11
PARTS = "store/scripts/parts/"

ANY_ENTRY = "('r|x|' .. date_of(now_s) .. '|0|' .. integer(now_ms) .. '|')"

MUTANTS = {
    "finish does not look whether the run has ended": [
        (PARTS + "finish.lua", "  if not entry then\n", "  if not entry and record == '' then\n"),
        (PARTS + "finish.lua", "parse_entry(entry)", f"parse_entry(entry or {ANY_ENTRY})")],
    "settle does not look whether the run has ended": [
        (PARTS + "settle.lua", "  if not entry then\n", "  if not entry and keys[k] == keys[1] then\n"),
        (PARTS + "settle.lua", "parse_entry(entry)", f"parse_entry(entry or {ANY_ENTRY})")],
    "the end and its tokens are two commands": [
        (PARTS + "entries.lua", "  of_day[TOKENS] = of_day[TOKENS] + tokens\n  of_month[TOKENS] = of_month[TOKENS] + tokens\n",
         "  if not apart then\n    of_day[TOKENS] = of_day[TOKENS] + tokens\n    of_month[TOKENS] = of_month[TOKENS] + tokens\n  end\n"),
        (PARTS + "entries.lua", "local function close_entry(", "local apart\nlocal function close_entry("),
        (PARTS + "finish.lua", "  close_entry(", "  apart = true\n  close_entry("),
        (PARTS + "finish.lua", "  return { 'OK' }", "  apart = false\n  return { 'OK' }"),
        ("actors/run_ending.cpp", "  count_end(how);\n", """  count_end(how);
  const auto day = store::running_record("", started_ms_).substr(41, 10);
  for (const auto& field : {"d" + day, "m" + day.substr(0, 7)}) {
    store::command c;
    c.arguments = {"EVAL", R"(local runs, tokens, rest = string.match(redis.call('HGET', KEYS[1], ARGV[1]), '^(%d+)|(%d+)(.*)$')
      redis.call('HSET', KEYS[1], ARGV[1], runs .. '|' .. string.format('%d', tokens + ARGV[2]) .. rest))",
                   "1", "{" + birth.tenant.text() + "}:u", field, std::to_string(end_->tokens)};
    self->send(birth.node->recorder, store_command{99, std::move(c), caf::actor_cast<store_listener>(self)});
  }
""")],
    "the client is answered before the store has the end": [
        ("actors/run_ending.cpp", "                end.figures, record_),\n                true);\n",
         "                end.figures, record_),\n                true);\n  answer_primary();\n")],
    "the store is answered before the disk": [
        ("store/private_server.cpp", "always ? \"CONFIG SET appendfsync always\"",
         "false ? \"CONFIG SET appendfsync always\""),
        ("store/server_folder.cpp", "(always ? \"always\" : \"everysec\")", "\"everysec\"")],
    "a command whose answer was lost is sent again": [
        ("store/redis.cpp", """    for (auto& s : sent)
      settle(s, fate::unknown);
    sent.clear();""", """    for (auto& s : sent)
      if (s.why == purpose::user && !s.user.answered)
        waiting.push_back(std::move(s.user));
      else
        settle(s, fate::unknown);
    sent.clear();""")],
    "an end that could not be stored is dropped": [
        ("actors/usage_accumulator.cpp", "    if (r.persistent)\n      kept.push_back", "    if (false)\n      kept.push_back")],
    "a revoked key is good": [
        (PARTS + "admit.lua", "  if not key_is_good(args[a + 2], args[a + 3]) then return { 'NOKEY' } end\n", ""),
        # A revocation raises the version too, so that either check alone refuses the key.
        (PARTS + "admit.lua", "  if args[a + 4] ~= version then return { 'STALE' } end\n", "")],
    "the quota of runs is overshot by one": [
        (PARTS + "admit.lua", "left(runs_limit, of_month[RUNS]) == 0", "left(runs_limit, of_month[RUNS] - 1) == 0")],
    "an idempotency key is not kept": [
        (PARTS + "admit.lua", "    call('SET', keys[k + 2], idempotency_value, 'EX', 86400)\n", "")],
    "nobody ends what a dead node left": [
        ("actors/cluster.cpp", "  if (ends.empty())\n", "  ends.clear();\n  if (ends.empty())\n")],
}


def copy_sources(scratch):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in files.splitlines():
        source, copy = ROOT / name, scratch / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != source.read_bytes():  # else its objects need not be built again
            shutil.copy(source, copy)


def build(scratch, prefix):
    if not (scratch / "build/release/build.ninja").exists():
        run([*prefix, "cmake", "--preset", "release"], scratch)
    run([*prefix, "cmake", "--build", "--preset", "release", "--target", "ares"], scratch)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def apply(scratch, changes):
    """The files as they were."""
    before = {}
    for name, old, new in changes:
        file = scratch / name
        text = file.read_text()
        before.setdefault(file, text)
        if text.count(old) != 1:
            sys.exit(f"a mutant does not fit any more: {name} has {text.count(old)} times: {old}")
        file.write_text(text.replace(old, new))
    return before


def suite(scratch, seconds, prefix):
    """Whether it passed, and what it complained about first."""
    command = [*prefix, "/usr/bin/python3", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
               str(ROOT / "tests/faults/test_schedule.py"), "--ares", str(scratch / "build/release/ares"),
               "--fault-seconds", str(seconds), "--fault-seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    complaints = re.findall(r"^E +(?:AssertionError: )?(.+)$", done.stdout, re.M)
    test = re.findall(r"^FAILED \S+::(test_\w{0,60})", done.stdout, re.M)
    return done.returncode == 0, (test or ["?"])[0], (complaints or ["?"])[0][:110]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", help="parts of names; all without")
    options.add_argument("--scratch", type=Path, default=ROOT / "build/mutants")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--build-with", default="nice", help="what the compiler is run with")
    options.add_argument("--test-with", default="", help="what the tests are run with")
    given = options.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    copy_sources(given.scratch)
    survivors = 0
    for name, changes in MUTANTS.items():
        if given.names and not any(part in name for part in given.names):
            continue
        before = apply(given.scratch, changes)
        build(given.scratch, given.build_with.split())
        passed, test, complaint = suite(given.scratch, given.seconds, given.test_with.split())
        survivors += passed
        print(f"{'SURVIVED' if passed else 'red':8} | {name} | {'' if passed else test} | {'' if passed else complaint}",
              flush=True)
        for file, text in before.items():
            file.write_text(text)
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
