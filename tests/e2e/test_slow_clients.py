"""Section 5, clients that read slowly or not at all; and what a node does about the limit of open files."""

import stat

import pytest

from harness.flood import FloodUpstream, StreamReader, resident_kib
from harness.fixtures import NodeFactory, provision
from harness.node import until

READERS = 60
STREAM_KIB_MAX = 256


@pytest.fixture
def flooded(start_node):
    upstream = FloodUpstream()
    node = start_node(providers={"flood": upstream.provider()}, models={"flood-model": {"provider": "flood"}})
    return node, provision(node), upstream


def test_streams_that_nobody_reads_stay_within_their_memory_and_are_cut(flooded):
    node, tenant, upstream = flooded
    tenant.api.chat(model="sim-model")  # what is made once is there
    before = resident_kib(node.process.pid)
    readers = [StreamReader(node, tenant.api.secret, "flood-model") for _ in range(READERS)]
    most = 0

    def all_cut():
        nonlocal most
        most = max(most, resident_kib(node.process.pid))
        return all(reader.was_cut() for reader in readers)

    until(lambda: upstream.open == READERS or all_cut(), 30, "the streams have begun")
    until(all_cut, 60, "who takes no byte is cut", pause=0.2)
    assert (most - before) / READERS <= STREAM_KIB_MAX
    until(lambda: upstream.open == 0, 20, "the upstream has been left")
    assert tenant.api.chat(model="sim-model").status_code == 200


def test_a_reader_of_single_bytes_stays_bounded(flooded):
    node, tenant, upstream = flooded
    tenant.api.chat(model="sim-model")
    before = resident_kib(node.process.pid)
    readers = [StreamReader(node, tenant.api.secret, "flood-model") for _ in range(READERS)]
    until(lambda: upstream.open == READERS, 30, "the streams have begun")
    for _ in range(40):
        for reader in readers:
            reader.take(1)
    assert (resident_kib(node.process.pid) - before) / READERS <= STREAM_KIB_MAX
    for reader in readers:
        reader.close()
    until(lambda: upstream.open == 0, 20, "the upstream has been left")


def limited(ares, tmp_path, soft, hard):
    """The program under a limit of open files."""
    wrapper = tmp_path / "limited-ares"
    wrapper.write_text(f"#!/bin/sh\nulimit -S -n {soft}\nulimit -H -n {hard}\nexec '{ares}' \"$@\"\n")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return wrapper


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows(ares, upstream, tmp_path):
    factory = NodeFactory(limited(ares, tmp_path, 256, 4096), upstream)
    node = factory.prepare(server={"max_connections": 500})
    try:
        node.start()
        with open(f"/proc/{node.process.pid}/limits") as limits:
            line = next(line for line in limits if line.startswith("Max open files"))
        assert line.split()[3] == "4096"
        assert not [line for line in node.lines if "limit of open files" in line]
    finally:
        node.destroy()


def test_too_low_a_limit_of_open_files_is_said_once_and_what_does_not_fit_gets_503(ares, upstream, tmp_path):
    factory = NodeFactory(limited(ares, tmp_path, 256, 256), upstream)
    node = factory.prepare(server={"max_connections": 10000})
    clients = []
    try:
        node.start()
        assert len([line for line in node.lines if "limit of open files" in line]) == 1
        clients = [node.connect() for _ in range(200)]
        answer = clients[-1].recv(4096)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After" in answer
    finally:
        for client in clients:
            client.close()
        node.destroy()
