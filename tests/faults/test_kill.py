"""What a kill -9 of the node leaves of two changes that are more than one step. Everything else is in
test_schedule.py."""

import random
import threading
import time

import pytest
from harness.api import Admin, Api
from harness.fixtures import NodeFactory, closed_port, provision
from harness.node import until


@pytest.fixture(scope="module")
def seed(request):
    return request.config.getoption("--fault-seed") or random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module")
def node(ares, shared_upstream):
    prepared = NodeFactory(ares, shared_upstream).prepare(server={"port": closed_port()})
    try:
        yield prepared.start()
        assert prepared.stop() == 0
    finally:
        prepared.destroy()


def test_a_revocation_survives_the_death_of_the_node(node):
    """I4: what was answered with 204 is written."""
    tenant = provision(node, product_type="bare")
    for _ in range(3):
        key = tenant.new_key()
        assert Api(node.url, key["secret"]).get("/v1/agents").status_code == 200
        assert tenant.api.delete(f"/v1/api-keys/{key['key']}").status_code == 204
        node.kill()
        node.start()
        assert Api(node.url, key["secret"]).get("/v1/agents").status_code == 401


def test_a_provisioned_tenant_is_whole_or_absent_after_a_kill(node, seed):
    """Kills at random moments of a provisioning: the name is then free, or the tenant is complete."""
    dice = random.Random(seed)
    for number in range(6):
        name, answers = f"half-{seed}-{number}", []

        def provision_once():
            try:
                answers.append(Admin(node.url).provision(name))
            except OSError:
                pass

        thread = threading.Thread(target=provision_once)
        thread.start()
        time.sleep(dice.uniform(0, 0.02))
        node.kill()
        thread.join()
        node.start()
        if answers:
            assert named(node, name)["agent_count"] == 2
        else:  # a sweep may still complete what was begun; else the name can be taken
            until(lambda: named(node, name) or Admin(node.url).provision(name).status_code == 201, 15, "whole or absent")
            assert named(node, name)["agent_count"] == 2


def named(node, name):
    """The tenant of that name, if there is one; never two."""
    tenants = Admin(node.url).get("/api/admin/tenants?limit=1000").json()["tenants"]
    mine = [tenant for tenant in tenants if tenant["name"] == name]
    assert len(mine) <= 1
    return mine[0] if mine else None
