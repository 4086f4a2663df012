"""Section 5, first half: a chat that is answered whole."""

import math
import re
import uuid

import pytest

from harness import upstream as up
from harness.api import error_of
from harness.fixtures import provision


def user(content):
    return [{"role": "user", "content": content}]


# -- the answer -----------------------------------------------------------------------


def test_a_chat_answers_with_exactly_the_fields_of_the_seed(api, upstream):
    upstream.script(up.answer("Based on the data, Q1 revenue showed...", usage=(300, 12)))
    response = api.chat("Summarize Q1 revenue trends.", model="llama-3.3-70b")
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["id", "content", "model", "tokens_used", "finish_reason"]
    assert str(uuid.UUID(body["id"])) == body["id"]
    assert body == {"id": body["id"], "content": "Based on the data, Q1 revenue showed...",
                    "model": "llama-3.3-70b", "tokens_used": 312, "finish_reason": "stop"}


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_the_finish_reason_is_the_providers(api, upstream, reason):
    upstream.script(up.answer("cut off here", finish=reason))
    assert api.chat(model="llama-3.3-70b").json()["finish_reason"] == reason


def test_the_messages_reach_the_model_as_they_are(api, upstream):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One"},
                {"role": "assistant", "content": "1"}, {"role": "user", "content": "Two"}]
    assert api.post("/v1/chat", {"messages": messages, "model": "llama-3.3-70b"}).status_code == 200
    assert [{k: m[k] for k in ("role", "content")} for m in upstream.last.messages] == messages
    assert not upstream.last.body.get("tools")


def test_tokens_of_a_simulated_chat_are_four_characters_each(api):
    body = api.chat("x" * 10, model="sim-model").json()
    assert body["content"] == "[simulated] " + "x" * 10
    assert body["tokens_used"] == math.ceil(10 / 4) + math.ceil(22 / 4)


def test_the_simulated_provider_answers_the_last_user_message(api):
    messages = user("first") + [{"role": "assistant", "content": "a"}] + user("second")
    body = api.post("/v1/chat", {"messages": messages, "model": "sim-model"}).json()
    assert body["content"] == "[simulated] second"


# -- what is refused ----------------------------------------------------------------------


BAD_CHATS = {
    "no messages": ({}, "messages"),
    "messages null": ({"messages": None}, "messages"),
    "messages empty": ({"messages": []}, "messages"),
    "messages an object": ({"messages": {"role": "user", "content": "m"}}, "messages"),
    "a string in it": ({"messages": ["hello"]}, "messages"),
    "no role": ({"messages": [{"content": "m"}]}, "role"),
    "unknown role": ({"messages": [{"role": "robot", "content": "m"}]}, "role"),
    "role in upper case": ({"messages": [{"role": "User", "content": "m"}]}, "role"),
    "role a number": ({"messages": [{"role": 1, "content": "m"}]}, "role"),
    "no content": ({"messages": [{"role": "user"}]}, "content"),
    "content null": ({"messages": [{"role": "user", "content": None}]}, "content"),
    "content a number": ({"messages": [{"role": "user", "content": 5}]}, "content"),
    "nobody is user": ({"messages": [{"role": "system", "content": "m"}]}, "messages"),
    "second is bad": ({"messages": user("m") + [{"role": "robot", "content": "m"}]}, "role"),
    "model a number": ({"messages": user("m"), "model": 5}, "model"),
    "model a list": ({"messages": user("m"), "model": ["a"]}, "model"),
    "agent_type a number": ({"messages": user("m"), "agent_type": 5}, "agent_type"),
}


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/stream"])
@pytest.mark.parametrize("body,field", BAD_CHATS.values(), ids=BAD_CHATS.keys())
def test_a_bad_chat_is_400_and_the_field_is_named(api, path, body, field):
    assert field in error_of(api.post(path, body), 400, "invalid_request")


def test_every_role_is_accepted(api):
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"}, {"role": "tool", "content": "t", "tool_call_id": "x"}]
    assert api.post("/v1/chat", {"messages": messages, "model": "sim-model"}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/stream"])
def test_an_unknown_model_is_422_and_an_unknown_agent_type_404(api, path):
    error_of(api.post(path, {"messages": user("m"), "model": "nope"}), 422, "unknown_model")
    error_of(api.post(path, {"messages": user("m"), "agent_type": "nope"}), 404, "not_found")
    error_of(api.post(path, {"messages": user("m"), "agent_type": "echo", "model": "nope"}), 422, "unknown_model")


# -- which model, which agent ----------------------------------------------------------------


def test_with_neither_given_the_default_model_answers(api):
    assert api.chat("hi").json()["model"] == "sim-model"


def test_without_a_default_the_first_configured_model_by_name_answers(start_node):
    node = start_node(server={"default_model": None},
                      models={"zz-model": {"provider": "sim"}, "a-model": {"provider": "sim"}})
    assert provision(node).api.chat("hi").json()["model"] == "a-model"


@pytest.fixture
def analysts(tenant):
    """Three agents of one type; the lowest name is neither the first nor the last that was made."""
    for name in ("zeta", "alpha", "mid"):
        tenant.add_agent(name, "analyst", system_prompt=f"I am {name}.", max_tokens=55, tools=["calculator"])
    return tenant


def test_agent_type_picks_the_lowest_name_of_that_type(analysts, upstream):
    body = analysts.api.chat("hi", agent_type="analyst").json()
    assert body["model"] == "llama-3.3-70b"
    call = upstream.last
    assert call.messages == [{"role": "system", "content": "I am alpha."}, {"role": "user", "content": "hi"}]
    assert call.body.get("max_tokens", call.body.get("max_completion_tokens")) == 55
    assert call.body["tools"][0]["function"]["name"] == "calculator"


def test_a_disabled_agent_is_not_picked(analysts, upstream):
    analysts.change_agent("alpha", status="disabled")
    assert analysts.api.chat("hi", agent_type="analyst").status_code == 200
    assert upstream.last.messages[0]["content"] == "I am mid."
    for name in ("mid", "zeta"):
        analysts.change_agent(name, status="disabled")
    error_of(analysts.api.chat("hi", agent_type="analyst"), 404, "not_found")


def test_where_no_type_fits_the_name_does(analysts, upstream):
    assert analysts.api.chat("hi", agent_type="zeta").status_code == 200
    assert upstream.last.messages[0]["content"] == "I am zeta."


def test_a_type_goes_before_a_name(analysts, upstream):
    analysts.add_agent("zz-last", "mid", system_prompt="I am of type mid.")
    assert analysts.api.chat("hi", agent_type="mid").status_code == 200
    assert upstream.last.messages[0]["content"] == "I am of type mid."


def test_a_model_replaces_the_model_of_the_agent(analysts):
    body = analysts.api.chat("hi", agent_type="analyst", model="sim-model").json()
    assert (body["model"], body["content"]) == ("sim-model", "[simulated] hi")


def test_another_tenants_agent_type_is_unknown(analysts, new_tenant):
    error_of(new_tenant().api.chat("hi", agent_type="analyst"), 404, "not_found")


def test_a_chat_with_an_agent_uses_its_tools(analysts, upstream):
    upstream.script(up.tool_calls([("x", "calculator", up.expression("6*7"))], usage=(5, 5)),
                    up.answer("It is 42.", usage=(6, 6)))
    body = analysts.api.chat("6*7?", agent_type="analyst").json()
    assert (body["content"], body["tokens_used"], body["finish_reason"]) == ("It is 42.", 22, "stop")


# -- failures -------------------------------------------------------------------------------------


def test_a_provider_that_fails_is_502(api, upstream):
    upstream.always(up.error(400, "internal words of http://10.0.0.1"))
    sentence = error_of(api.chat(model="llama-3.3-70b"), 502, "upstream_error")
    assert not re.search(r"127\.0\.0\.1|10\.0\.0\.1|http:", sentence)


def test_a_provider_that_is_not_there_is_502(api):
    sentence = error_of(api.chat(model="nobody-model"), 502, "upstream_error")
    assert "127.0.0.1" not in sentence


def test_a_provider_that_is_silent_is_504(api, upstream):
    upstream.always(up.silence())
    error_of(api.chat(model="impatient-model"), 504, "upstream_timeout")


def test_what_a_failed_chat_consumed_is_counted(tenant, upstream):
    tenant.add_agent("once", max_retries=0)
    upstream.always(up.error(500))
    error_of(tenant.api.chat("m" * 8, agent_type="once"), 502)
    usage = tenant.api.usage()
    assert usage["total_runs"] == 0
    assert usage["total_tokens"] == 2  # nothing was reported: four characters of the prompt each


def test_retries_work_for_chats_too(api, upstream):
    upstream.script(up.error(500), up.answer("second time"))
    assert api.chat(model="llama-3.3-70b").json()["content"] == "second time"
