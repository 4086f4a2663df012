"""The examples of the seed, cut out of a copy of its text and run as they stand. Replaced are the
base URL, the key and the name of the agent; nothing else."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import upstream as up

SEED = (Path(__file__).parent / "seed" / "v1-client-api.txt").read_text()
KEY = "ares_x7k9m2p4q8r1s5t3"


def example(title):
    """The program below a heading: up to the next heading, which is a title behind an empty line."""
    headings = ["Run an Agent (curl)", "Run an Agent (Python)", "Check Usage (curl)", "Check Usage (Python)",
                "Chat with Streaming (Python)", "Chat with Streaming (JavaScript)"]
    start = SEED.index(title) + len(title)
    ends = [SEED.find("\n" + other + "\n", start) for other in headings]
    return SEED[start:min([end for end in ends if end != -1], default=len(SEED))].strip() + "\n"


@pytest.fixture
def fill(tenant):
    """Puts the node, the key and the agent of a tenant into an example."""
    tenant.add_agent("other-name", system_prompt="You are a risk analysis agent...")

    def replace(text, base="http://localhost:3000"):
        assert KEY in text or "headers" in text
        return text.replace(base, tenant.url).replace(KEY, tenant.secret).replace("risk-analyzer", "other-name")

    return replace


def python(program, folder):
    file = folder / "example.py"
    file.write_text(program)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(line):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    done = subprocess.run(["bash", "-c", line.replace("curl ", "curl -sS --noproxy '*' ", 1)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PREAMBLE_OF = "Run an Agent (Python)"  # it defines BASE_URL and headers, which the usage program goes on with


def test_run_an_agent_curl(fill, upstream):
    upstream.script(up.answer('{"risk_score": 0.73}', usage=(500, 347)))
    run = curl(fill(example("Run an Agent (curl)")))
    assert (run["status"], run["output"], run["tokens_used"]) == ("completed", {"risk_score": 0.73}, 847)
    assert run["input"]["context"] == {"amount": 15000, "currency": "USD"}


def test_check_usage_curl(fill, tenant):
    tenant.api.run("echo")
    usage = curl(fill(example("Check Usage (curl)")))
    assert usage["total_runs"] == 1 and usage["daily_usage"][0]["runs"] == 1


def test_run_an_agent_python(fill, upstream, tmp_path):
    upstream.script(up.answer('{"risk_score": 0.73}', usage=(500, 347)))
    said = python(fill(example("Run an Agent (Python)")), tmp_path)
    assert re.fullmatch(r"Status: completed\nOutput: \{'risk_score': 0\.73\}\nDuration: \d+ms\nTokens: 847\n", said), said


def test_check_usage_python(fill, tenant, tmp_path):
    tenant.quota(quota_runs=100000, quota_tokens=10000000)
    program = example(PREAMBLE_OF) + example("Check Usage (Python)")
    said = python(fill(program), tmp_path)
    assert "Runs this month: 1 / 100000\n" in said
    assert re.search(r"Tokens this month: \d+ / 10000000\n", said), said


def test_chat_with_streaming_python(fill, upstream, tmp_path):
    upstream.script(up.answer("run"), up.answer("Quantum computing: Grüße, 世界 🌍."))
    said = python(fill(example(PREAMBLE_OF) + example("Chat with Streaming (Python)")), tmp_path)
    assert said.endswith("Quantum computing: Grüße, 世界 🌍."), said


def test_chat_with_streaming_javascript(fill, upstream, tmp_path):
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    text = "Quantum computing: Grüße, 世界 🌍. " + "More of it. " * 50
    upstream.script(up.answer(text))
    file = tmp_path / "example.mjs"
    file.write_text(fill(example("Chat with Streaming (JavaScript)")))
    done = subprocess.run([node, file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text
