"""The list of contract points names every test, and only tests that are there."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def test_contract_points_and_tests_agree():
    listed = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", (FOLDER / "contract_points.md").read_text()))
    sources = [*FOLDER.glob("test_*.py"), *(FOLDER.parent / "faults").glob("test_*.py")]
    there = {name for source in sources if source != Path(__file__)
             for name in re.findall(r"^def test_(\w+)\(", source.read_text(), re.MULTILINE)}
    assert listed == there, f"not listed: {sorted(there - listed)}; not there: {sorted(listed - there)}"
