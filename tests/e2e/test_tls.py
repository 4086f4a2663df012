"""Section 8: TLS on the listener (`[server] tls_cert, tls_key`)."""

import json
import re
import signal
import ssl
import subprocess
import time

import pytest

from harness.api import Admin, Api
from harness.certificate import make_certificate
from harness.node import ADMIN_SECRET, clean_environment, until


@pytest.fixture
def pair(tmp_path):
    return make_certificate(tmp_path, "first")


@pytest.fixture
def secured(start_node, pair):
    cert, key = pair
    return start_node(server={"tls_cert": str(cert), "tls_key": str(key)},
                      providers={"paced": {"type": "simulated", "tokens_per_second": 100}},
                      models={"paced-model": {"provider": "paced"}})


def context(trusted, version=None):
    made = ssl.create_default_context(cafile=str(trusted))
    if version:
        made.minimum_version = made.maximum_version = version
        made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def dial(node, trusted, version=None, protocols=()):
    made = context(trusted, version)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made.wrap_socket(node.connect(), server_hostname="127.0.0.1")


def subject(node, trusted):
    with dial(node, trusted) as s:
        return s.getpeercert()["subject"][0][0][1]


def trusting(client, cert):
    client.session.verify = str(cert)
    return client


def test_the_listening_line_and_a_whole_tenant_over_https(secured, pair):
    assert secured.url.startswith("https://127.0.0.1:")
    admin = trusting(Admin(secured.url), pair[0])
    made = admin.provision()
    assert made.status_code == 201, made.text
    api = trusting(Api(secured.url, made.json()["raw_api_key"]), pair[0])
    assert api.run("echo").json()["status"] == "completed"
    events = api.events("Tell me", model="paced-model")
    assert events[-1]["finish_reason"] == "stop" and len(events) > 2
    assert api.usage()["total_runs"] == 1
    assert api.session.get(secured.url + "/health", timeout=30).json() == {"status": "ok"}
    end = re.search(r"^ares_tls_certificate_end_seconds (\S+)", api.get("/metrics").text, re.MULTILINE)
    assert time.time() < float(end[1]) < time.time() + 3 * 86400


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that they are old is the point
def test_only_tls_1_2_and_1_3_are_spoken(secured, pair):
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with dial(secured, pair[0], version, ["http/1.1"]) as s:
            assert s.version() == name and s.selected_alpn_protocol() == "http/1.1"
            assert s.compression() is None
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError):
            dial(secured, pair[0], version)


def test_plain_http_is_answered_400_as_json(secured):
    with secured.connect() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    head, body = answer.split("\r\n\r\n", 1)
    assert head.startswith("HTTP/1.1 400 ") and "Connection: close" in head
    assert "https" in json.loads(body)["error"]


def test_a_handshake_that_stands_still_or_is_garbage_is_ended(secured):
    silent, garbage = secured.connect(60), secured.connect(60)
    silent.sendall(b"\x16\x03\x01")
    garbage.sendall(b"\x16" + b"\xff" * 600)
    try:
        garbage.recv(65536)  # an alert, or nothing
    except ConnectionResetError:
        pass
    assert silent.recv(1) == b""
    silent.close(), garbage.close()


def test_sighup_takes_a_new_certificate_and_a_bad_one_changes_nothing(secured, pair, tmp_path):
    cert, key = pair
    second_cert, second_key = make_certificate(tmp_path, "second")
    old, first_key = cert.read_bytes(), key.read_bytes()
    kept = dial(secured, cert)
    assert subject(secured, cert) == "first"

    cert.write_bytes(second_cert.read_bytes())  # a pair that does not match
    secured.process.send_signal(signal.SIGHUP)
    until(lambda: any("was not reloaded" in line for line in secured.lines), 20, "the bad pair is reported")
    assert len([line for line in secured.lines if "tls_key" in line]) == 1
    trusted = tmp_path / "both.pem"
    trusted.write_bytes(old + second_cert.read_bytes())
    assert subject(secured, trusted) == "first"

    key.write_bytes(second_key.read_bytes())
    secured.process.send_signal(signal.SIGHUP)
    until(lambda: subject(secured, trusted) == "second", 20, "new connections get the new certificate")
    kept.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert first_key != key.read_bytes()


def test_a_stream_arrives_whole_over_tls(secured, pair):
    admin = trusting(Admin(secured.url), pair[0])
    key = admin.provision().json()["raw_api_key"]
    body = json.dumps({"messages": [{"role": "user", "content": "x y z " * 50}], "model": "paced-model"}).encode()
    with dial(secured, pair[0]) as s:
        s.sendall(b"POST /v1/chat/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                  b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body))
        seen = b""
        while b'"finish_reason": "stop"' not in seen:
            piece = s.recv(65536)
            assert piece, seen
            seen += piece
    assert seen.count(b"data: ") > 5


def test_a_client_that_leaves_a_tls_stream_cancels_the_upstream(secured, pair):
    admin = trusting(Admin(secured.url), pair[0])
    key = admin.provision().json()["raw_api_key"]
    api = trusting(Api(secured.url, key), pair[0])
    response = api.stream("x " * 100, model="paced-model")
    response.close()
    metrics = lambda: api.session.get(secured.url + "/metrics", timeout=30).text
    until(lambda: "ares_operations_in_flight 0" in metrics(), 20, "the chat has ended")


def test_the_command_line_speaks_to_it_with_cacert_or_the_environment_of_curl(secured, pair, ares):
    def run(*more, **environment):
        return subprocess.run([str(ares), "tenant", "list", "--url", secured.url, *more], capture_output=True, text=True,
                              timeout=60, env=clean_environment(ARES_ADMIN_SECRET=ADMIN_SECRET, **environment))

    assert run("--cacert", str(pair[0])).returncode == 0
    assert run(CURL_CA_BUNDLE=str(pair[0])).returncode == 0
    refused = run()
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1 and "--cacert" in refused.stderr


def test_a_pair_that_cannot_be_used_stops_the_start_in_one_line(start_node, pair, tmp_path, ares):
    cert, key = pair
    other = make_certificate(tmp_path, "other")[1]
    for bad_cert, bad_key, named in ((tmp_path / "none.pem", key, "tls_cert"), (cert, tmp_path / "none", "tls_key"),
                                     (cert, other, "tls_key"), (key, key, "tls_cert")):
        node = start_node.prepare(server={"tls_cert": str(bad_cert), "tls_key": str(bad_key)})
        node.write_config()
        for command in ("check-config", "serve"):
            done = subprocess.run([str(ares), command, "--config", str(node.config_file)], capture_output=True,
                                  text=True, timeout=60, env=node.environment)
            number = next(i for i, line in enumerate(node.config_file.read_text().splitlines(), 1) if named in line)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert done.stderr.startswith(f"ares: {node.config_file}:{number}: server.{named}: ")
