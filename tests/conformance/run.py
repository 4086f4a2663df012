"""Our own conformance table: run.py URL. Prints what failed, a score for every group, and the sum.

The server needs no set-up: a 404 for `/` is as good as a page. Exits 1 if anything failed.
"""

import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import cases
from probe import probe


def main(url):
    parts = urllib.parse.urlsplit(url if "//" in url else "//" + url)
    address = (parts.hostname, parts.port or 80)

    def verdict(case):
        try:
            return case, probe(address, case)
        except OSError as why:
            sys.exit(f"{parts.netloc}: {why}")

    with ThreadPoolExecutor(16) as pool:
        verdicts = list(pool.map(verdict, cases.ALL))
    groups = {}
    for case, found in verdicts:
        passed, count = groups.get(case.group, (0, 0))
        groups[case.group] = (passed + found.passed, count + 1)
        if not found.passed:
            print(f"  {case.group}: {case.name}: expected {case.says}, got {found.got}")
    print()
    for group, (passed, count) in groups.items():
        print(f"  {group:14} {passed:3} of {count}")
    failed = sum(not found.passed for _, found in verdicts)
    print(f"\n{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
