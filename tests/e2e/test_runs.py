"""Section 4, first half: runs as the client sees them."""

import json
import math
import threading
import uuid

import pytest

from harness import upstream as up
from harness.api import RUN_KEYS, error_of
from harness.node import until
from harness.wire import Connection, request_bytes


# -- the run object -----------------------------------------------------------------


def test_a_run_has_exactly_the_fields_of_the_seed_in_its_order(api, upstream):
    upstream.script(up.answer('{"risk_score": 0.73, "risk_level": "medium"}', usage=(500, 347)))
    sent = {"message": "Analyze the risk profile for transaction TX-9921",
            "context": {"amount": 15000, "currency": "USD", "merchant_category": "electronics"}}
    response = api.post("/v1/agents/risk-analyzer/run", {"input": sent})
    assert response.status_code == 200
    run = response.json()
    assert list(run) == RUN_KEYS
    assert str(uuid.UUID(run["id"])) == run["id"]
    assert run["agent_id"] == api.agent()["id"]
    assert (run["status"], run["error"], run["tokens_used"]) == ("completed", None, 847)
    assert run["input"] == sent
    assert run["output"] == {"risk_score": 0.73, "risk_level": "medium"}
    assert run["started_at"] <= run["finished_at"]
    assert isinstance(run["duration_ms"], int) and run["duration_ms"] >= 0


def test_the_input_is_returned_as_sent(api):
    text = '{"z": 1.10, "message": "m", "a": 123456789012345678901234567890, "context": {"b": 1E5, "a": null}}'
    response = api.post_raw("/v1/agents/echo/run", ('{"input": ' + text + "}").encode())
    assert response.status_code == 200
    run = response.json()
    assert list(run["input"]) == ["z", "message", "a", "context"] and list(run["input"]["context"]) == ["b", "a"]
    for number in ("1.10", "123456789012345678901234567890", "1E5"):
        assert number in response.text
    assert api.get_run(run["id"]).content == response.content


BAD_INPUTS = {
    "no input": ({}, "input"),
    "input null": ({"input": None}, "input"),
    "input a string": ({"input": "text"}, "input"),
    "input a list": ({"input": []}, "input"),
    "no message": ({"input": {}}, "input.message"),
    "message null": ({"input": {"message": None}}, "input.message"),
    "message empty": ({"input": {"message": ""}}, "input.message"),
    "message a number": ({"input": {"message": 5}}, "input.message"),
    "message a list": ({"input": {"message": ["a"]}}, "input.message"),
    "only context": ({"input": {"context": {"a": 1}}}, "input.message"),
}


@pytest.mark.parametrize("body,field", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_a_bad_input_is_400_and_the_field_is_named(tenant, body, field):
    assert field in error_of(tenant.api.post("/v1/agents/echo/run", body), 400, "invalid_request")
    assert tenant.api.usage()["total_runs"] == 0


@pytest.mark.parametrize("context", [None, 5, "text", [1, 2], {}, {"deep": {"er": True}}])
def test_context_may_be_any_json(api, context):
    run = api.run("echo", "m", context=context).json()
    assert run["status"] == "completed"
    assert run["input"] == {"message": "m", "context": context}


# -- what the model gets ---------------------------------------------------------------


def test_the_model_gets_the_system_prompt_then_one_user_message(api, upstream):
    assert api.run(message="Just this").json()["status"] == "completed"
    assert upstream.last.messages == [{"role": "system", "content": "You are a risk analysis agent..."},
                                      {"role": "user", "content": "Just this"}]


def test_the_user_message_holds_the_message_and_the_context_as_json(api, upstream):
    context = {"amount": 15000, "currency": "USD", "nested": {"list": [1, "zwei"]}}
    api.run(message="Evaluate this", context=context)
    roles = [message["role"] for message in upstream.last.messages]
    assert roles == ["system", "user"]
    text = upstream.last.user_text
    assert text.startswith("Evaluate this")
    found, _ = json.JSONDecoder().raw_decode(text[text.index("{"):])
    assert found == context or found.get("context") == context


def test_further_fields_of_the_input_are_passed_on_as_context(api, upstream):
    run = api.run(message="Look", context={"amount": 1}, customer="C-77", flags=["vip"]).json()
    assert run["input"] == {"message": "Look", "context": {"amount": 1}, "customer": "C-77", "flags": ["vip"]}
    for part in ("amount", "customer", "C-77", "vip"):
        assert part in upstream.last.user_text


@pytest.mark.parametrize("body, text", [
    (r'{"input": {"messag\u0065": "hi"}}', "hi"),
    (r'{"input": {"messag\u0065": "hi", "context": null}}', "hi"),
    ('{"input": {"context": 15000.00, "message": "hi"}}', "hi\n\nContext:\n15000.00"),
    ('{"input": {"message": "hi", "context": 1.50, "id": 123456789012345678901}}',
     'hi\n\nContext:\n{"context":1.50,"id":123456789012345678901}'),
    ('{"input": {"id": 1, "message": "hi", "n": -0}}', 'hi\n\nContext:\n{"id":1,"n":-0}'),
])
def test_the_context_reaches_the_model_as_it_was_written(api, upstream, body, text):
    assert api.post_raw("/v1/agents/risk-analyzer/run", body).json()["status"] == "completed"
    assert upstream.last.user_text == text


def test_the_upstream_is_asked_as_configured(tenant, upstream):
    tenant.add_agent("tuned", model="llama-3.3-70b", max_tokens=77, temperature=0.25, top_p=0.5, stop=["END"])
    assert tenant.api.run("tuned").json()["status"] == "completed"
    call = upstream.last
    assert (call.method, call.path) == ("POST", "/v1/chat/completions")
    assert call.headers["authorization"].startswith("Bearer provider-key-for-tests")
    assert call.headers["content-type"].split(";")[0] == "application/json"
    assert call.body["model"] == "upstream-name"
    assert call.body.get("max_tokens", call.body.get("max_completion_tokens")) == 77
    assert (call.body["temperature"], call.body["top_p"], call.body["stop"]) == (0.25, 0.5, ["END"])
    assert not call.body.get("tools")
    assert [message["role"] for message in call.messages] == ["user"]


# -- output ---------------------------------------------------------------------------


OUTPUTS = {
    "an object": ('{"a": 1}', {"a": 1}),
    "an object with white space": ('\n  {"a": {"b": [1]}}\n', {"a": {"b": [1]}}),
    "an object in a json fence": ('```json\n{"a": 1}\n```', {"a": 1}),
    "a fence with blank lines": ('\n```json\n\n{"a": 1}\n\n```\n', {"a": 1}),
    "an empty object": ("{}", {}),
    "plain text": ("Looks fine.", {"message": "Looks fine."}),
    "a list": ("[1, 2]", {"message": "[1, 2]"}),
    "a number": ("42", {"message": "42"}),
    "null": ("null", {"message": "null"}),
    "a string": ('"text"', {"message": '"text"'}),
    "half an object": ('{"a": ', {"message": '{"a": '}),
    "two objects": ('{"a": 1}{"b": 2}', {"message": '{"a": 1}{"b": 2}'}),
    "nothing": ("", {"message": ""}),
    "letters of all kinds": ("Grüße 世界 🌍", {"message": "Grüße 世界 🌍"}),
}


@pytest.mark.parametrize("content,output", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_output_is_the_object_the_model_said_or_its_words_as_message(api, upstream, content, output):
    upstream.script(up.answer(content))
    run = api.run().json()
    assert (run["status"], run["output"]) == ("completed", output)


# -- tokens ------------------------------------------------------------------------------


def test_tokens_are_what_the_provider_reported(api, upstream):
    upstream.script(up.answer(usage=(123, 45)))
    assert api.run().json()["tokens_used"] == 168


def test_without_a_report_a_token_is_four_characters_rounded_up(tenant, upstream):
    tenant.add_agent("plain")
    upstream.script(up.answer("x" * 9, usage=None))
    assert tenant.api.run("plain", "m" * 13).json()["tokens_used"] == 4 + 3


@pytest.mark.parametrize("message", ["a", "abcd", "abcde", "x" * 1000])
def test_the_simulated_provider_answers_and_counts_as_the_contract_says(api, message):
    run = api.run("echo", message).json()
    answer = "[simulated] " + message
    assert run["output"] == {"message": answer}
    assert run["tokens_used"] == math.ceil(len(message) / 4) + math.ceil(len(answer) / 4)


# -- failures ------------------------------------------------------------------------------


def test_a_failed_run_is_a_200_with_a_sentence_and_stays_in_the_history(tenant, upstream):
    upstream.script(up.error(400, "secret internals at http://10.0.0.1:99"))
    response = tenant.api.run()
    assert response.status_code == 200
    run = response.json()
    assert list(run) == RUN_KEYS
    assert (run["status"], run["output"]) == ("failed", None)
    assert isinstance(run["error"], str) and run["error"]
    for internal in ("127.0.0.1", str(upstream.port), "10.0.0.1"):
        assert internal not in run["error"]
    assert run["finished_at"] and isinstance(run["duration_ms"], int)
    assert tenant.api.runs()["runs"] == [run]
    assert tenant.api.get_run(run["id"]).json() == run
    assert tenant.api.usage()["total_runs"] == 1


def test_the_simulated_provider_fails_as_often_as_configured(tenant):
    tenant.add_agent("doomed", model="broken-sim-model", max_retries=0)
    for _ in range(3):
        assert tenant.api.run("doomed").json()["status"] == "failed"
    assert tenant.api.agent("doomed")["success_rate"] == 0


def test_a_provider_that_refuses_connections_fails_the_run(tenant):
    tenant.add_agent("lonely", model="nobody-model", max_retries=0)
    run = tenant.api.run("lonely").json()
    assert run["status"] == "failed" and "127.0.0.1" not in run["error"]


# -- history ---------------------------------------------------------------------------------


def test_the_history_is_newest_first_in_pages_of_the_same_objects(tenant):
    runs = [tenant.api.run("echo", f"number {n}").json() for n in range(7)][::-1]
    answer = tenant.api.runs("echo")
    assert list(answer) == ["runs", "total", "page", "per_page"]
    assert (answer["runs"], answer["total"], answer["page"], answer["per_page"]) == (runs, 7, 1, 20)
    assert tenant.api.runs("echo", "?page=2&per_page=3")["runs"] == runs[3:6]
    assert tenant.api.runs("echo", "?page=3&per_page=3")["runs"] == runs[6:]
    past = tenant.api.runs("echo", "?page=9&per_page=3")
    assert (past["runs"], past["total"], past["page"], past["per_page"]) == ([], 7, 9, 3)
    assert tenant.api.runs("echo", "?per_page=500")["per_page"] == 100
    assert list(answer["runs"][0]) == RUN_KEYS


def test_the_history_is_of_one_agent_only(tenant):
    tenant.api.run("echo")
    tenant.api.run("risk-analyzer")
    assert tenant.api.runs("echo")["total"] == tenant.api.runs("risk-analyzer")["total"] == 1
    assert tenant.api.runs("echo")["runs"][0]["agent_id"] == tenant.api.agent("echo")["id"]


def test_a_fresh_agent_has_an_empty_history(api):
    assert api.runs("echo") == {"runs": [], "total": 0, "page": 1, "per_page": 20}


def test_a_run_is_in_the_store_as_running_before_the_provider_is_called(tenant, upstream):
    seen = []

    def look(call):
        seen.extend(tenant.client().runs()["runs"])
        up.answer()(call)

    upstream.script(look)
    run = tenant.api.run().json()
    assert len(seen) == 1
    assert list(seen[0]) == RUN_KEYS
    assert (seen[0]["id"], seen[0]["status"], seen[0]["finished_at"]) == (run["id"], "running", None)
    assert (seen[0]["output"], seen[0]["error"], seen[0]["duration_ms"]) == (None, None, None)
    assert (seen[0]["started_at"], seen[0]["input"]) == (run["started_at"], run["input"])


# -- one run by its id -------------------------------------------------------------------------


def test_a_run_is_found_by_its_id_with_the_same_bytes(api):
    response = api.run("echo")
    again = api.get_run(response.json()["id"])
    assert again.status_code == 200 and again.content == response.content


def test_another_tenants_run_is_as_one_that_never_was(new_tenant):
    mine, theirs = new_tenant(), new_tenant()
    run_id = theirs.api.run("echo").json()["id"]
    never = run_id[:-4] + "0000" if run_id[-4:] != "0000" else run_id[:-4] + "1111"
    for method, tail in (("GET", ""), ("POST", "/cancel"), ("GET", "/stream")):
        headers = {"X-Request-Id": "same"}
        foreign = mine.api.request(method, f"/v1/runs/{run_id}{tail}", headers=headers)
        unknown = mine.api.request(method, f"/v1/runs/{never}{tail}", headers=headers)
        assert foreign.status_code == 404 and foreign.text == unknown.text
        assert set(foreign.headers) == set(unknown.headers)


@pytest.mark.parametrize("run_id", ["nope", "1", "0190A0A0-0000-7000-8000-000000000000", "x" * 300])
def test_what_is_no_run_id_is_404(api, run_id):
    error_of(api.get_run(run_id), 404, "not_found")


def test_a_client_that_goes_away_does_not_end_its_run(node, tenant, upstream):
    gate = threading.Event()
    upstream.script(up.answer("done without you", gate=gate))
    with Connection(node) as connection:
        connection.send(request_bytes("POST", "/v1/agents/risk-analyzer/run",
                                      {"Authorization": f"Bearer {tenant.secret}"}, {"input": {"message": "m"}}))
        upstream.wait_for_calls(1)
        connection.reset()
    until(lambda: tenant.api.runs()["runs"], 5, "the run is in the history")
    gate.set()
    until(lambda: tenant.api.runs()["runs"][0]["status"] == "completed", 10, "the run ends")
    assert tenant.api.runs()["runs"][0]["output"] == {"message": "done without you"}
    assert upstream.last.gone_at is None
