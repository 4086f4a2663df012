"""Section 4, second half: tools, structured output, time-outs, retries, fallbacks."""

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import upstream as up
from harness.api import text_of


def tool_results(call):
    return [message for message in call.messages if message["role"] == "tool"]


# -- tools -----------------------------------------------------------------------------


def test_tools_are_offered_as_functions_with_a_schema(api, upstream):
    api.run()
    (offered,) = upstream.last.body["tools"]
    assert offered["type"] == "function"
    assert offered["function"]["name"] == "calculator" and offered["function"]["description"]
    assert offered["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize("identity", ["call_1", "0", "chatcmpl-tool-äö:1", "a b"])
def test_a_tool_call_is_executed_and_its_result_fed_back(api, upstream, identity):
    upstream.script(up.tool_calls([(identity, "calculator", up.expression("(2+3)*4"))], usage=(50, 10)),
                    up.answer('{"result": 20}', usage=(70, 5)))
    run = api.run(message="What is it?").json()
    assert (run["status"], run["output"], run["tokens_used"]) == ("completed", {"result": 20}, 135)
    second = upstream.wait_for_calls(2)[1]
    assert [m["role"] for m in second.messages] == ["system", "user", "assistant", "tool"]
    (wanted,) = second.messages[2]["tool_calls"]
    assert (wanted["id"], wanted["type"], wanted["function"]["name"]) == (identity, "function", "calculator")
    assert "(2+3)*4" in json.loads(wanted["function"]["arguments"]).values()
    (result,) = tool_results(second)
    assert result["tool_call_id"] == identity and "20" in result["content"]
    assert second.body["tools"]


def test_several_calls_in_one_answer_are_all_executed(api, upstream):
    upstream.script(up.tool_calls([("a", "calculator", up.expression("2*3")), ("b", "calculator", up.expression("10/4"))]),
                    up.answer())
    assert api.run().json()["status"] == "completed"
    results = {m["tool_call_id"]: m["content"] for m in tool_results(upstream.wait_for_calls(2)[1])}
    assert "6" in results["a"] and "2.5" in results["b"]


@pytest.mark.parametrize("arguments", [
    up.expression("2+"), up.expression("1/0*"), up.expression(""), {}, {"wrong": 1}, "no json", "[]", "",
    up.expression("9" * 5000),
])
def test_a_mistake_in_a_tool_call_goes_back_to_the_model(api, upstream, arguments):
    upstream.script(up.tool_calls([("x", "calculator", arguments)]), up.answer("sorry"))
    run = api.run().json()
    assert (run["status"], run["output"]) == ("completed", {"message": "sorry"})
    (result,) = tool_results(upstream.wait_for_calls(2)[1])
    assert result["tool_call_id"] == "x" and result["content"]


def test_a_tool_that_was_not_offered_is_an_error_for_the_model_not_the_run(api, upstream):
    upstream.script(up.tool_calls([("x", "rm_rf", {"path": "/"})]), up.answer("sorry"))
    assert api.run().json()["status"] == "completed"
    (result,) = tool_results(upstream.wait_for_calls(2)[1])
    assert result["content"]


@pytest.mark.parametrize("rounds", [1, 3])
def test_max_tool_iterations_bounds_the_rounds(tenant, upstream, rounds):
    tenant.add_agent("looper", tools=["calculator"], max_tool_iterations=rounds)
    upstream.always(up.tool_calls([("x", "calculator", up.expression("1+1"))], usage=(3, 2)))
    run = tenant.api.run("looper").json()
    assert run["status"] == "failed" and run["error"] and run["output"] is None
    assert len(upstream.calls) == rounds + 1
    assert run["tokens_used"] == 5 * (rounds + 1)


def test_by_default_there_are_five_rounds(tenant, upstream):
    loop = [up.tool_calls([("x", "calculator", up.expression("1+1"))]) for _ in range(5)]
    upstream.script(*loop, up.answer("after five"))
    assert tenant.api.run().json()["output"] == {"message": "after five"}
    upstream.reset()
    upstream.always(loop[0])
    assert tenant.api.run().json()["status"] == "failed"
    assert len(upstream.calls) == 6


# -- structured output ----------------------------------------------------------------------


SCHEMA = {"type": "object", "required": ["score"], "properties": {"score": {"type": "number", "maximum": 1}}}


@pytest.fixture
def scorer(tenant):
    tenant.add_agent("scorer", output_schema=SCHEMA)
    return tenant.api


def test_an_output_schema_is_passed_to_the_provider(scorer, upstream):
    upstream.script(up.answer('{"score": 0.5}'))
    run = scorer.run("scorer").json()
    assert (run["status"], run["output"]) == ("completed", {"score": 0.5})
    asked = upstream.last.body["response_format"]
    assert asked["type"] == "json_schema" and asked["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize("wrong", ['{"score": 7}', '{"level": "high"}', "no object at all", "[1]", '{"score": "x"}'])
def test_an_invalid_output_is_retried_once_with_the_complaint(scorer, upstream, wrong):
    upstream.script(up.answer(wrong, usage=(10, 1)), up.answer('{"score": 1}', usage=(20, 2)))
    run = scorer.run("scorer").json()
    assert (run["status"], run["output"], run["tokens_used"]) == ("completed", {"score": 1}, 33)
    first, second = upstream.wait_for_calls(2)
    assert len(second.messages) > len(first.messages)
    assert wrong in [message["content"] for message in second.messages]


def test_a_second_invalid_output_fails_the_run(scorer, upstream):
    upstream.always(up.answer('{"score": 7}', usage=(10, 1)))
    run = scorer.run("scorer").json()
    assert (run["status"], run["output"], run["tokens_used"]) == ("failed", None, 22)
    assert run["error"] and len(upstream.calls) == 2


# -- time-outs ---------------------------------------------------------------------------------


def test_timeout_ms_of_the_agent_ends_the_whole_run(tenant, upstream):
    tenant.add_agent("hurried", timeout_ms=500)
    upstream.always(up.silence())
    began = time.monotonic()
    run = tenant.api.run("hurried").json()
    assert run["status"] == "failed" and run["error"]
    assert run["duration_ms"] >= 500
    assert time.monotonic() - began < 8, "the provider's own patience of 10 s was waited for"


def test_a_silent_provider_is_given_up_after_its_timeout(tenant, upstream):
    tenant.add_agent("patient", model="impatient-model", max_retries=0)
    upstream.always(up.silence())
    run = tenant.api.run("patient").json()
    assert run["status"] == "failed" and len(upstream.calls) == 1


def test_silence_in_the_middle_counts_as_silence(tenant, upstream):
    tenant.add_agent("patient", model="impatient-model", max_retries=0)
    upstream.always(up.silence(pieces=["Hel"]))
    assert tenant.api.run("patient").json()["status"] == "failed"


def test_a_slow_first_byte_within_the_timeout_is_waited_for(api, upstream):
    upstream.script(up.after(0.7, up.answer("late")))
    assert api.run().json()["output"] == {"message": "late"}


# -- retries --------------------------------------------------------------------------------------


FAULTS = {"500": up.error(500), "502": up.error(502), "503": up.error(503), "a cut": up.cut(),
          "a cut after words": up.cut(["Hel"]), "no finish reason": up.end_without_finish()}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_passing_fault_is_retried(api, upstream, fault):
    upstream.script(fault, fault, up.answer("third time"))
    run = api.run().json()
    assert (run["status"], run["output"]) == ("completed", {"message": "third time"})
    assert len(upstream.calls) == 3
    assert run["tokens_used"] >= sum(up.DEFAULT_USAGE)


def test_after_max_retries_the_run_fails(tenant, upstream):
    upstream.always(up.error(500))
    assert tenant.api.run().json()["status"] == "failed"
    assert len(upstream.calls) == 3  # the default is two retries
    upstream.reset()
    upstream.always(up.error(500))
    tenant.add_agent("once", max_retries=0)
    assert tenant.api.run("once").json()["status"] == "failed"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_will_not_pass_is_not_retried(api, upstream, status):
    upstream.always(up.error(status))
    assert api.run().json()["status"] == "failed"
    assert len(upstream.calls) == 1


def test_429_is_retried_after_its_retry_after(api, upstream):
    upstream.script(up.error(429, headers={"Retry-After": "1"}), up.answer("after the wait"))
    assert api.run().json()["output"] == {"message": "after the wait"}
    first, second = upstream.calls
    assert second.at - first.at >= 0.95


def test_garbage_from_the_provider_fails_the_run(tenant, upstream):
    tenant.add_agent("once", max_retries=0)
    upstream.always(up.garbage())
    run = tenant.api.run("once").json()
    assert run["status"] == "failed" and "html" not in run["error"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "text/event-stream", "application/json; charset=utf-8"])
def test_a_document_in_place_of_a_stream_is_understood(api, upstream, content_type):
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": "all at once"}}],
                       "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).encode()
    named = {"Content-Type": content_type} if content_type else {}

    def document(call):
        call.head(200, {"Content-Length": len(body), **named})
        call.send(body)

    upstream.always(document)
    run = api.run().json()
    assert (run["output"], run["tokens_used"]) == ({"message": "all at once"}, 7)
    assert text_of(api.events(model="llama-3.3-70b")) == "all at once"


def test_every_one_of_many_failed_runs_has_asked_the_provider(tenant, upstream):
    tenant.add_agent("once", max_retries=0)
    upstream.always(up.error(500))
    errors = {tenant.api.run("once").json()["error"] for _ in range(40)}
    assert len(upstream.calls) == 40 and len(errors) == 1
    upstream.always(up.answer())
    assert tenant.api.run("once").json()["status"] == "completed"


def test_tokens_of_a_cut_attempt_are_estimated_and_counted(tenant, upstream):
    tenant.add_agent("plain")
    upstream.script(up.cut(["abcdefgh", "ij"]), up.answer(usage=(20, 4)))
    prompt = "m" * 21
    run = tenant.api.run("plain", prompt).json()
    assert run["status"] == "completed" and len(upstream.calls) == 2
    assert run["tokens_used"] >= 24 + math.ceil(21 / 4), "the prompt of the cut attempt is not counted"
    if upstream.calls[0].streamed:
        assert run["tokens_used"] == 24 + math.ceil(21 / 4) + math.ceil(10 / 4)


# -- fallbacks --------------------------------------------------------------------------------------


def test_fallbacks_of_the_model_take_over(tenant):
    tenant.add_agent("backed", model="backed-model", max_retries=0)
    run = tenant.api.run("backed", "hi").json()
    assert (run["status"], run["output"]) == ("completed", {"message": "[simulated] hi"})


def test_fallback_models_of_the_agent_take_over(tenant, upstream):
    tenant.add_agent("backed", max_retries=0, fallback_models=["nobody-model", "sim-model"])
    upstream.always(up.error(503))
    run = tenant.api.run("backed", "hi").json()
    assert (run["status"], run["output"]) == ("completed", {"message": "[simulated] hi"})
    assert len(upstream.calls) == 1


def test_chat_falls_back_too(api):
    answer = api.chat("hi", model="backed-model")
    assert answer.status_code == 200 and answer.json()["content"] == "[simulated] hi"


# -- the wire ------------------------------------------------------------------------------------------


def test_many_runs_at_once_all_get_their_own_answer(tenant, upstream):
    numbers = range(48)

    def echo(call):
        up.answer("for " + call.user_text)(call)

    upstream.always(echo)
    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(lambda n: tenant.client().run(message=f"client {n}").json(), numbers))
    assert [run["output"]["message"] for run in runs] == [f"for client {n}" for n in numbers]
    agent = tenant.api.agent()
    assert (agent["total_runs"], agent["success_rate"]) == (48, 1)
    assert tenant.api.usage()["total_tokens"] == sum(run["tokens_used"] for run in runs)


def test_max_concurrency_bounds_what_a_provider_gets_at_once(tenant, upstream):
    tenant.add_agent("queued", model="single-model")
    gate = threading.Event()
    upstream.always(up.gated(gate, up.answer()))
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(tenant.client().run, "queued") for _ in range(4)]
        upstream.wait_for_calls(1)
        time.sleep(0.5)
        assert len(upstream.calls) == 1
        gate.set()
        assert [run.result().json()["status"] for run in runs] == ["completed"] * 4
    assert len(upstream.calls) == 4
