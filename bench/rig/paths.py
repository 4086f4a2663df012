"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(os.environ.get("ARES_BENCH_RESULTS") or ROOT / "bench/results")


def program(name, build=None):
    """A program of the release build (or of another build directory)."""
    found = Path(build or ROOT / "build/release") / name
    if not found.exists():
        raise SystemExit(f"bench: there is no {found}: run ./dev build release")
    return found
