"""A provider of type `anthropic`: the same promises over another wire format."""

import pytest

from harness import anthropic, upstream as up
from harness.api import error_of, text_of


@pytest.fixture
def claude(tenant, upstream):
    """A tenant whose agent `scribe` is answered by a stand-in for Anthropic's API."""
    upstream.always(anthropic.answer())
    tenant.add_agent("scribe", "scribe", model="claude-model", system_prompt="Be brief.", tools=["calculator"])
    return tenant


def test_anthropic_is_asked_in_its_own_words(claude, upstream):
    run = claude.api.run("scribe", "Hi there").json()
    assert (run["status"], run["output"], run["tokens_used"]) == ("completed", {"message": "Hello from upstream"}, 18)
    call = upstream.last
    assert (call.method, call.path) == ("POST", "/v1/messages")
    assert call.headers["x-api-key"].startswith("provider-key-for-tests") and call.headers["anthropic-version"]
    assert call.body["model"] == "claude-upstream" and call.body["max_tokens"] > 0
    assert "Be brief." in str(call.body["system"])
    (message,) = call.body["messages"]
    assert message["role"] == "user" and "Hi there" in str(message["content"])
    assert call.body["tools"][0]["name"] == "calculator"


def test_anthropic_chats_and_streams(claude, upstream):
    chat = claude.api.chat("hi", model="claude-model").json()
    assert (chat["content"], chat["tokens_used"], chat["finish_reason"]) == ("Hello from upstream", 18, "stop")
    events = claude.api.events("hi", model="claude-model")
    assert text_of(events) == "Hello from upstream"
    assert (events[-1]["finish_reason"], events[-1]["tokens_used"]) == ("stop", 18)
    upstream.always(anthropic.answer(stop_reason="max_tokens"))
    assert claude.api.chat("hi", model="claude-model").json()["finish_reason"] == "length"


def test_anthropic_calls_tools(claude, upstream):
    upstream.script(anthropic.tool_use("toolu_1", "calculator", anthropic.expression("6*7"), usage=(5, 5)),
                    anthropic.answer("It is 42.", usage=(6, 6)))
    run = claude.api.run("scribe").json()
    assert (run["output"], run["tokens_used"]) == ({"message": "It is 42."}, 22)
    last = upstream.last.body["messages"][-1]
    (result,) = [block for block in last["content"] if block["type"] == "tool_result"]
    assert last["role"] == "user" and result["tool_use_id"] == "toolu_1" and "42" in str(result["content"])


def test_anthropic_faults_are_retried_or_reported(claude, upstream):
    upstream.script(anthropic.error(529, "overloaded_error"), anthropic.answer("second time"))
    assert claude.api.run("scribe").json()["output"] == {"message": "second time"}
    upstream.always(anthropic.error(400, "invalid_request_error"))
    assert claude.api.run("scribe").json()["status"] == "failed"
    error_of(claude.api.chat("hi", model="claude-model"), 502, "upstream_error")
    upstream.always(up.garbage())
    assert claude.api.run("scribe").json()["status"] == "failed"
