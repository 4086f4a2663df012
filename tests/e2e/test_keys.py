"""Section 2, second half: a tenant's own API keys."""

import datetime
import hashlib
import re
import uuid

import pytest

from harness.api import error_of
from harness.node import until

NOWHERE = "0190a0a0-0000-7000-8000-000000000000"


def parse(stamp):
    return datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")


def listed(api):
    response = api.get("/v1/api-keys")
    assert response.status_code == 200
    assert set(response.json()) == {"keys"}
    return response.json()["keys"]


def test_creation_answers_201_with_exactly_key_and_secret(api):
    response = api.post("/v1/api-keys", {"name": "mobile-app-key", "expires_in_days": 365})
    assert response.status_code == 201
    assert list(response.json()) == ["key", "secret"]
    assert str(uuid.UUID(response.json()["key"])) == response.json()["key"]


def test_a_secret_is_ares_and_at_least_32_characters_of_base_62(api):
    secrets = {api.post("/v1/api-keys", {"name": f"k{n}"}).json()["secret"] for n in range(10)}
    assert len(secrets) == 10
    for secret in secrets:
        assert re.fullmatch(r"ares_[0-9A-Za-z]{32,}", secret)


def test_the_list_has_exactly_the_fields_of_the_seed(api):
    created = api.post("/v1/api-keys", {"name": "android-production", "expires_in_days": 365}).json()
    key = next(one for one in listed(api) if one["id"] == created["key"])
    assert list(key) == ["id", "name", "prefix", "created_at", "expires_at", "last_used"]
    assert key["name"] == "android-production"
    assert key["prefix"] == created["secret"][:9] and key["prefix"].startswith("ares_")
    assert parse(key["expires_at"]) - parse(key["created_at"]) == datetime.timedelta(days=365)
    assert key["last_used"] is None


def test_the_secret_is_never_shown_again_nor_stored(node, tenant):
    created = tenant.new_key()
    assert created["secret"] not in tenant.api.get("/v1/api-keys").text
    redis = node.redis()
    stored = str(redis.hgetall(f"{{{tenant.id}}}:t"))
    assert created["secret"] not in stored and created["secret"][9:] not in stored
    assert hashlib.sha256(created["secret"].encode()).hexdigest() in stored.lower()
    assert created["secret"] not in "\n".join(node.lines)


def test_without_expires_in_days_a_key_does_not_expire(api):
    for fields in ({}, {"expires_in_days": None}):
        created = api.post("/v1/api-keys", {"name": "k", **fields}).json()
        key = next(one for one in listed(api) if one["id"] == created["key"])
        assert key["expires_at"] is None


@pytest.mark.parametrize("days", [1, 3650])
def test_the_bounds_of_expires_in_days_are_accepted(api, days):
    created = api.post("/v1/api-keys", {"name": "k", "expires_in_days": days}).json()
    key = next(one for one in listed(api) if one["id"] == created["key"])
    assert (parse(key["expires_at"]) - parse(key["created_at"])).days == days


@pytest.mark.parametrize("days", [0, -1, 3651, 10**20, 1.5, "30", True, [], {}])
def test_expires_in_days_out_of_range_or_of_another_type_is_400(api, days):
    sentence = error_of(api.post("/v1/api-keys", {"name": "k", "expires_in_days": days}), 400)
    assert "expires_in_days" in sentence


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": ""}, {"name": 5}, {"name": "x" * 101}, {"name": ["k"]}])
def test_a_bad_name_is_400_and_is_named(api, body):
    assert "name" in error_of(api.post("/v1/api-keys", body), 400)


@pytest.mark.parametrize("name", ["x", "x" * 100, "é" * 100, "mit Leerzeichen", "\"quoted\""])
def test_a_name_has_1_to_100_characters_of_any_kind(api, name):
    assert api.post("/v1/api-keys", {"name": name}).status_code == 201
    assert listed(api)[0]["name"] == name


def test_keys_are_listed_newest_first_without_the_revoked(tenant):
    api = tenant.api
    ids = [tenant.new_key(f"k{n}")["key"] for n in range(4)]
    assert [key["id"] for key in listed(api)] == ids[::-1] + [tenant.key_id]
    assert api.delete(f"/v1/api-keys/{ids[1]}").status_code == 204
    assert [key["id"] for key in listed(api)] == [ids[3], ids[2], ids[0], tenant.key_id]


def test_a_revocation_is_204_without_a_body_and_the_second_is_404(tenant):
    created = tenant.new_key()
    response = tenant.api.delete(f"/v1/api-keys/{created['key']}")
    assert response.status_code == 204 and response.content == b""
    error_of(tenant.client(created["secret"]).get("/v1/agents"), 401)
    error_of(tenant.api.delete(f"/v1/api-keys/{created['key']}"), 404, "not_found")


@pytest.mark.parametrize("key_id", [NOWHERE, "not-a-uuid", "x", NOWHERE.upper()])
def test_revoking_what_is_not_there_is_404(api, key_id):
    error_of(api.delete(f"/v1/api-keys/{key_id}"), 404, "not_found")


def test_a_key_of_another_tenant_is_as_one_that_never_was(new_tenant):
    mine, theirs = new_tenant(), new_tenant()
    foreign = mine.api.delete(f"/v1/api-keys/{theirs.key_id}", headers={"X-Request-Id": "same"})
    never = mine.api.delete(f"/v1/api-keys/{NOWHERE}", headers={"X-Request-Id": "same"})
    assert foreign.status_code == never.status_code == 404
    assert foreign.text == never.text
    assert theirs.api.get("/v1/agents").status_code == 200


def test_a_key_may_revoke_itself(tenant):
    created = tenant.new_key()
    client = tenant.client(created["secret"])
    assert client.delete(f"/v1/api-keys/{created['key']}").status_code == 204
    error_of(client.get("/v1/agents"), 401)
    assert tenant.api.get("/v1/agents").status_code == 200


def test_last_used_follows_within_five_seconds(tenant):
    created = tenant.new_key()
    assert tenant.client(created["secret"]).get("/v1/agents").status_code == 200

    def last_used():
        return next(key["last_used"] for key in listed(tenant.api) if key["id"] == created["key"])

    stamp = until(last_used, 8, "last_used is set")
    key = next(key for key in listed(tenant.api) if key["id"] == created["key"])
    assert stamp >= key["created_at"]


def test_keys_made_by_a_tenant_and_by_the_operator_are_the_same_kind(tenant):
    response = tenant.admin.post(tenant.path("/api-keys"), {"name": "by operator"})
    assert response.status_code == 201
    made = response.json()
    assert set(made) == {"id", "prefix", "raw_key", "created_at"}
    assert tenant.client(made["raw_key"]).get("/v1/agents").status_code == 200
    assert made["id"] in [key["id"] for key in listed(tenant.api)]
    assert tenant.api.delete(f"/v1/api-keys/{made['id']}").status_code == 204
    error_of(tenant.client(made["raw_key"]).get("/v1/agents"), 401)
