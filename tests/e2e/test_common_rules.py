"""Section 1 of the contract: what every endpoint does."""

import re
import uuid

import pytest

from harness.api import Client, error_of
from harness.wire import Connection, exchange, request_bytes

UUID_V7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
RUN_PATH = "/v1/agents/echo/run"


def run_body(context_text):
    return ('{"input":{"message":"m","context":' + context_text + "}}").encode()


# -- encoding --------------------------------------------------------------------


def test_answers_are_json_and_say_so(api):
    for path in ("/v1/agents", "/v1/agents/echo", "/v1/agents/echo/runs", "/v1/usage", "/v1/api-keys"):
        response = api.get(path)
        assert response.status_code == 200
        assert response.headers["Content-Type"].split(";")[0] == "application/json"
        response.json()


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
    "Application/JSON", None,
])
def test_a_json_body_is_accepted_with_without_and_beside_a_charset(api, content_type):
    response = api.post_raw(RUN_PATH, b'{"input":{"message":"hi"}}', content_type)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "completed"


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x", "json",
])
def test_another_media_type_is_415(api, content_type):
    for path in (RUN_PATH, "/v1/chat", "/v1/chat/stream", "/v1/api-keys"):
        response = api.post_raw(path, b'{"input":{"message":"hi"}}', content_type)
        error_of(response, 415, "unsupported_media_type")


def test_utf8_goes_through_unharmed(api):
    message = "Grüße, 世界 🌍 \u0000 \u2028"
    run = api.run("echo", message).json()
    assert run["input"]["message"] == message
    assert run["output"]["message"] == "[simulated] " + message


def test_unknown_body_fields_are_ignored_on_v1(api):
    body = {"input": {"message": "hi"}, "surprise": [1, 2], "stream": True}
    assert api.post(RUN_PATH, body).status_code == 200
    body = {"messages": [{"role": "user", "content": "hi", "extra": 1}], "model": "sim-model", "surprise": None}
    assert api.post("/v1/chat", body).status_code == 200
    assert api.post("/v1/api-keys", {"name": "k", "surprise": 1}).status_code == 201


# -- ids and time ------------------------------------------------------------------


def test_ids_are_version_7_uuids_and_rise(api):
    ids = [api.run("echo").json()["id"] for _ in range(20)]
    assert all(re.fullmatch(UUID_V7, one) for one in ids), ids
    assert ids == sorted(ids) and len(set(ids)) == 20
    key = api.post("/v1/api-keys", {"name": "k"}).json()["key"]
    assert re.fullmatch(UUID_V7, key)
    assert re.fullmatch(UUID_V7, api.agent("echo")["id"])


def test_time_stamps_are_rfc_3339_utc_whole_seconds(api):
    run = api.run("echo").json()
    agent = api.agent("echo")
    key = api.get("/v1/api-keys").json()["keys"][0]
    usage = api.usage()
    for stamp in (run["started_at"], run["finished_at"], agent["created_at"], agent["last_run"],
                  key["created_at"], usage["period_start"], usage["period_end"]):
        assert re.fullmatch(TIME_STAMP, stamp), stamp
    assert isinstance(run["duration_ms"], int)


# -- request ids ---------------------------------------------------------------------


@pytest.mark.parametrize("given", ["a", "req-1.2_3", "X" * 128])
def test_a_good_request_id_is_echoed(api, given):
    assert api.get("/v1/agents", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    response = api.get("/v1/agents/nope", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] == given
    assert response.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "X" * 129, "with blank", "a/b", "a\"b", "<script>", "ü".encode("latin-1")])
def test_a_bad_request_id_is_replaced_by_a_uuid(api, given):
    response = api.get("/v1/agents", headers={"X-Request-Id": given})
    assert re.fullmatch(UUID_V7, response.headers["X-Request-Id"])


def test_every_answer_has_a_request_id_of_its_own(node, api):
    anonymous = Client(node.url, {})
    answers = [api.get("/v1/agents"), api.get("/v1/agents"), anonymous.get("/v1/agents"), anonymous.get("/nope"),
               anonymous.get("/health"), api.run("echo"), api.stream(model="sim-model"),
               api.post("/v1/chat", {})]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)


# -- errors --------------------------------------------------------------------------


def test_every_error_has_the_same_three_fields(node, api):
    anonymous = Client(node.url, {})
    error_of(anonymous.get("/nope"), 404, "not_found")
    error_of(anonymous.get("/v1/agents"), 401, "unauthorized")
    error_of(api.get("/v1/agents/nope"), 404, "not_found")
    error_of(api.delete("/v1/agents"), 405, "method_not_allowed")
    error_of(api.post("/v1/chat", {"messages": []}), 400, "invalid_request")
    error_of(api.post_raw("/v1/chat", b"{"), 400, "invalid_json")
    error_of(api.chat(model="nope"), 422, "unknown_model")


MALFORMED = {
    "empty": b"",
    "half an object": b'{"input": ',
    "bare word": b"hello",
    "trailing bytes": b'{"input":{"message":"m"}} x',
    "two values": b'{"input":{"message":"m"}}{}',
    "trailing comma": b'{"input":{"message":"m"},}',
    "single quotes": b"{'input':{'message':'m'}}",
    "comment": b'{"input":{"message":"m"}/* no */}',
    "duplicate key": b'{"input":{"message":"m","message":"n"}}',
    "duplicate key, escaped": b'{"input":{"message":"m","m\\u0065ssage":"n"}}',
    "duplicate key at the root": b'{"input":{"message":"m"},"input":{"message":"m"}}',
    "invalid UTF-8": b'{"input":{"message":"\xff"}}',
    "overlong UTF-8": b'{"input":{"message":"\xc0\xaf"}}',
    "surrogate in UTF-8": b'{"input":{"message":"\xed\xa0\x80"}}',
    "lone high surrogate": b'{"input":{"message":"\\ud800"}}',
    "lone low surrogate": b'{"input":{"message":"\\udc00"}}',
    "byte order mark": b'\xef\xbb\xbf{"input":{"message":"m"}}',
    "number out of range": run_body("1e999"),
    "NaN": run_body("NaN"),
    "Infinity": run_body("-Infinity"),
    "leading zero": run_body("01"),
    "plus sign": run_body("+1"),
    "raw control character": b'{"input":{"message":"a\nb"}}',
    "NUL behind it": b'{"input":{"message":"m"}}\x00',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json_is_400_with_a_position(api, body):
    sentence = error_of(api.post_raw(RUN_PATH, body), 400)
    if body:
        assert re.search(r"\d", sentence), f"no position in: {sentence}"


def test_json_may_be_64_deep_and_no_deeper(api):
    def nested(depth):  # the root is depth 1, `input` 2
        return run_body("[" * (depth - 2) + "]" * (depth - 2))

    assert api.post_raw(RUN_PATH, nested(64)).status_code == 200
    error_of(api.post_raw(RUN_PATH, nested(65)), 400)
    error_of(api.post_raw(RUN_PATH, nested(100_000)), 400)
    error_of(api.post_raw(RUN_PATH, b"[" * 500_000), 400)


@pytest.mark.parametrize("root", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_root_that_is_no_object_is_400(api, root):
    for path in (RUN_PATH, "/v1/chat", "/v1/chat/stream", "/v1/api-keys"):
        error_of(api.post_raw(path, root), 400, "invalid_request")


def test_valid_corner_cases_of_json_are_accepted(api):
    for text in ("1e308", "-0", "0.1e-7", "123456789012345678901234567890", '"\\ud83c\\udf0d"', '""', "{}", "[]", "null"):
        assert api.post_raw(RUN_PATH, run_body(text)).status_code == 200, text
    assert api.post_raw(RUN_PATH, b' \t\r\n{"input":{"message":"m"}}\r\n ').status_code == 200


@pytest.mark.parametrize("query", [
    "page=1&page=2", "per_page=5&per_page=5", "page=1&per_page=2&page=1",
])
def test_a_repeated_query_parameter_is_400(api, query):
    error_of(api.get(f"/v1/agents?{query}"), 400)
    error_of(api.get(f"/v1/agents/echo/runs?{query}"), 400)


# -- paths and methods --------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "/nope", "/v1", "/v1/", "/v1/nope", "/v2/agents", "/v1/agents/echo/nope", "/v1/agents/echo/run/more",
    "/v1/chat/nope", "/", "/v1//agents", "/V1/agents", "/v1/runs",
])
def test_an_unknown_path_is_404_even_without_a_key(node, api, path):
    error_of(Client(node.url, {}).get(path), 404, "not_found")
    error_of(api.get(path), 404, "not_found")


WRONG_METHODS = [
    ("DELETE", "/v1/agents", {"GET"}),
    ("POST", "/v1/agents", {"GET"}),
    ("POST", "/v1/agents/echo", {"GET"}),
    ("GET", "/v1/agents/echo/run", {"POST"}),
    ("DELETE", "/v1/agents/echo/runs", {"GET"}),
    ("GET", "/v1/chat", {"POST"}),
    ("PUT", "/v1/chat/stream", {"POST"}),
    ("POST", "/v1/usage", {"GET"}),
    ("PATCH", "/v1/api-keys", {"GET", "POST"}),
    ("GET", "/v1/api-keys/0190a0a0-0000-7000-8000-000000000000", {"DELETE"}),
    ("POST", "/health", {"GET"}),
    ("DELETE", "/metrics", {"GET"}),
]


@pytest.mark.parametrize("method,path,allowed", WRONG_METHODS)
def test_a_wrong_method_is_405_with_allow_even_without_a_key(node, method, path, allowed):
    response = Client(node.url, {}).request(method, path)
    error_of(response, 405, "method_not_allowed")
    listed = {name.strip() for name in response.headers["Allow"].split(",")}
    assert allowed <= listed, listed
    assert method not in listed


def test_head_answers_as_get_without_a_body(node, api):
    for path in ("/v1/agents", "/v1/agents/echo", "/v1/usage", "/v1/api-keys", "/health", "/v1/agents/nope"):
        get, head = api.get(path), api.head(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    # The connection stays in step behind a HEAD.
    request = request_bytes("HEAD", "/v1/agents", {"Authorization": f"Bearer {api.secret}"})
    with Connection(node) as connection:
        for _ in range(3):
            connection.send(request)
            assert connection.answer(head_request=True).status == 200
        connection.send(request_bytes("GET", "/health"))
        assert connection.answer().status == 200


def test_head_of_a_path_that_only_takes_post_is_405(api):
    response = api.head("/v1/chat")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_a_percent_encoded_path_is_decoded_once(api):
    assert api.get("/v1/agents/risk%2Danalyzer").json()["name"] == "risk-analyzer"
    assert api.get("/v1/agents/risk%252Danalyzer").status_code == 404


@pytest.mark.parametrize("segment", ["UPPER", "-dash", "_low", "a%20b", "a%2Fb", "x" * 65, "%C3%A9", "a.b", "%00"])
def test_a_segment_that_is_no_agent_name_is_404(api, segment):
    response = api.get(f"/v1/agents/{segment}")
    assert response.status_code in ((404, 400) if segment == "%00" else (404,))
    if segment != "%00":
        assert api.run(segment).status_code == 404
        assert api.get(f"/v1/agents/{segment}/runs").status_code == 404


# -- HTTP as bytes ---------------------------------------------------------------------


AUTH = "Authorization: Bearer ares_x"
BROKEN_HTTP = {
    "no sense": (b"hello there\r\n\r\n", {400}),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", {400}),
    "two Hosts": (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    "blank before the colon": (b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", {400}),
    "folded header": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", {400}),
    "two lengths": (b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", {400}),
    "length and chunks": (b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "negative length": (b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", {400}),
    "bad chunk": (b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
    "NUL in a header": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", {400}),
    "bad percent encoding": (b"GET /v1/agents/%zz HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404}),
    "unknown method": (b"BREW /health HTTP/1.1\r\nHost: a\r\n\r\n", {501}),
    "HTTP/2.0": (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", {505}),
    "long URI": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {414}),
    "long header": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", {431}),
    "many headers": (b"GET /health HTTP/1.1\r\nHost: a\r\n" +
                     b"".join(b"X-%d: a\r\n" % n for n in range(120)) + b"\r\n", {431}),
    "much header": (b"GET /health HTTP/1.1\r\nHost: a\r\n" +
                    b"".join(b"X-%d: %s\r\n" % (n, b"a" * 4000) for n in range(9)) + b"\r\n", {431}),
}


@pytest.mark.parametrize("data,statuses", BROKEN_HTTP.values(), ids=BROKEN_HTTP.keys())
def test_no_malformed_request_goes_without_an_answer(node, data, statuses):
    answer = exchange(node, data)
    assert answer.status in statuses
    body = answer.json()
    assert set(body) == {"error", "code", "request_id"}
    assert answer.headers["x-request-id"] == body["request_id"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(node, api):
    head = request_bytes("POST", "/v1/chat", {"Authorization": f"Bearer {api.secret}",
                                              "Content-Type": "application/json", "Content-Length": 2 << 20})
    answer = exchange(node, head)  # not a byte of the body is sent
    assert answer.status == 413
    assert answer.json()["code"] == "payload_too_large"


def test_a_chunked_body_over_the_limit_is_413(node, api):
    head = request_bytes("POST", "/v1/chat", {"Authorization": f"Bearer {api.secret}",
                                              "Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert exchange(node, head + piece * 17).status == 413


def test_a_body_of_just_the_limit_is_read(api):
    body = b'{"input":{"message":"' + b"a" * ((1 << 20) - 24) + b'"}}'
    assert len(body) == (1 << 20)
    assert api.post_raw(RUN_PATH, body).status_code == 200


def test_a_chunked_body_is_read(node, api):
    head = request_bytes("POST", RUN_PATH, {"Authorization": f"Bearer {api.secret}",
                                            "Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    body = b'{"input":{"message":"in pieces"}}'
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    answer = exchange(node, head + pieces + b"0\r\n\r\n")
    assert answer.json()["input"] == {"message": "in pieces"}


def test_pipelined_requests_are_answered_in_order(node, api):
    names = ["echo", "risk-analyzer", "nope"] * 10
    with Connection(node) as connection:
        connection.send(b"".join(request_bytes("GET", f"/v1/agents/{name}", {"Authorization": f"Bearer {api.secret}"})
                                 for name in names))
        for name in names:
            answer = connection.answer()
            assert answer.status == (404 if name == "nope" else 200)
            if name != "nope":
                assert answer.json()["name"] == name


# -- which mistake is answered first ---------------------------------------------------


def test_what_is_wrong_first_is_answered_first(node, api):
    anonymous = Client(node.url, {})
    assert anonymous.post_raw("/v1/nope", b"{", "text/plain").status_code == 404
    assert anonymous.request("PUT", "/v1/chat", data=b"{").status_code == 405
    assert anonymous.post_raw("/v1/chat", b"{", "text/plain").status_code == 401
    assert api.post_raw("/v1/chat", b"{", "text/plain").status_code == 415
    assert api.post_raw("/v1/agents/nope/run", b"{").status_code == 400
    assert api.post("/v1/agents/nope/run", {"input": {}}).status_code == 400
    assert api.post("/v1/agents/nope/run", {"input": {"message": "m"}}).status_code == 404
    assert api.chat(model="nope", agent_type="nope").status_code == 404


# -- CORS -------------------------------------------------------------------------------


def test_without_configured_origins_nothing_of_cors_appears(api):
    response = api.get("/v1/agents", headers={"Origin": "http://app.example"})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_connection_too_many_gets_the_same_error_body(start_node):
    node = start_node(server={"max_connections": 1})
    with node.connect() as first:
        first.sendall(request_bytes("GET", "/health"))
        assert first.recv(1000).startswith(b"HTTP/1.1 200 ")
        refused = Client(node.url, {}).get("/health")
    assert error_of(refused, 503, "overloaded") == "The server has too many connections"
    assert int(refused.headers["Retry-After"]) >= 1


def test_only_a_body_has_to_be_json(api, admin, tenant):
    plain = {"Content-Type": "text/plain"}
    assert api.get("/v1/agents", headers=plain).status_code == 200
    assert admin.get("/api/admin/tenants", headers=plain).status_code == 200
    assert admin.put(tenant.path("/quota"), {}, headers=plain).status_code == 415
    assert admin.delete(tenant.path(f"/api-keys/{tenant.key_id}"), headers=plain).status_code == 204


def test_a_listed_origin_gets_its_preflight_and_its_header(start_node):
    node = start_node(server={"cors_origins": ["http://app.example"]})
    anonymous = Client(node.url, {})
    asked = {"Origin": "http://app.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = anonymous.request("OPTIONS", "/v1/chat/stream", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://app.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    actual = anonymous.get("/v1/agents", headers={"Origin": "http://app.example"})
    assert actual.status_code == 401
    assert actual.headers["Access-Control-Allow-Origin"] == "http://app.example"
    other = anonymous.get("/v1/agents", headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    refused = anonymous.request("OPTIONS", "/v1/chat", headers={**asked, "Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers
    for method, path in (("POST", "/api/admin/tenants"), ("PUT", f"/api/admin/tenants/{uuid.uuid4()}/quota")):
        preflight = anonymous.request("OPTIONS", path, headers={**asked, "Access-Control-Request-Method": method})
        assert preflight.status_code == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "http://app.example"
        assert method in preflight.headers["Access-Control-Allow-Methods"]
        assert "x-admin-secret" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert anonymous.request("OPTIONS", "/api/admin/nothing", headers=asked).status_code == 404
