"""Clients: of a tenant (`Api`), of the operator (`Admin`), and of a tenant with all its names (`Tenant`)."""

import json
import uuid

import requests

from .node import ADMIN_SECRET

TIMEOUT_SECONDS = 60
RUN_KEYS = ["id", "agent_id", "status", "input", "output", "error",
            "started_at", "finished_at", "duration_ms", "tokens_used"]


class Client:
    """`requests` with a base address and headers of its own; JSON goes out as given."""

    def __init__(self, url, headers):
        self.url = url
        self.headers = headers
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method, path, headers=None, **more):
        more.setdefault("timeout", TIMEOUT_SECONDS)
        sent = {**self.headers, **(headers or {})}
        return self.session.request(method, self.url + path, headers=sent, **more)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def head(self, path, **more):
        return self.request("HEAD", path, **more)

    def post(self, path, body=None, **more):
        if body is not None:
            more["json"] = body
        return self.request("POST", path, **more)

    def post_raw(self, path, data, content_type="application/json", **more):
        headers = {**({"Content-Type": content_type} if content_type else {}), **more.pop("headers", {})}
        return self.request("POST", path, data=data, headers=headers, **more)

    def put(self, path, body, **more):
        return self.request("PUT", path, json=body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)


class Api(Client):
    """What a client application does with one API key."""

    def __init__(self, url, secret):
        super().__init__(url, {"Authorization": f"Bearer {secret}"})
        self.secret = secret

    def run(self, agent="risk-analyzer", message="Evaluate this transaction", headers=None, **input_fields):
        body = {"input": {"message": message, **input_fields}}
        return self.post(f"/v1/agents/{agent}/run", body, headers=headers)

    def run_async(self, agent="risk-analyzer", message="Evaluate this transaction", headers=None):
        return self.run(agent, message, headers={"Prefer": "respond-async", **(headers or {})})

    def chat(self, content="Hello", **fields):
        return self.post("/v1/chat", {"messages": [{"role": "user", "content": content}], **fields})

    def stream(self, content="Hello", **fields):
        body = {"messages": [{"role": "user", "content": content}], **fields}
        return self.post("/v1/chat/stream", body, stream=True)

    def events(self, content="Hello", **fields):
        with self.stream(content, **fields) as response:
            assert response.status_code == 200, response.text
            return sse_events(response)

    def usage(self):
        response = self.get("/v1/usage")
        assert response.status_code == 200, response.text
        return response.json()

    def agent(self, name="risk-analyzer"):
        response = self.get(f"/v1/agents/{name}")
        assert response.status_code == 200, response.text
        return response.json()

    def runs(self, agent="risk-analyzer", query=""):
        response = self.get(f"/v1/agents/{agent}/runs{query}")
        assert response.status_code == 200, response.text
        return response.json()

    def all_runs(self, agent):
        """The whole history of an agent, page by page."""
        found, page = [], 1
        while True:
            answer = self.runs(agent, f"?page={page}&per_page=100")
            found += answer["runs"]
            if not answer["runs"]:
                assert len(found) == answer["total"]
                return found
            page += 1

    def get_run(self, run_id):
        return self.get(f"/v1/runs/{run_id}")


class Admin(Client):
    def __init__(self, url, secret=ADMIN_SECRET):
        super().__init__(url, {"X-Admin-Secret": secret} if secret is not None else {})

    def provision(self, name=None, tier="enterprise", product_type="generic", api_key_name="first"):
        body = {"name": name or f"tenant-{uuid.uuid4().hex[:12]}", "tier": tier,
                "product_type": product_type, "api_key_name": api_key_name}
        return self.post("/api/admin/provision-client", body)


class Tenant:
    """A provisioned tenant: its ids, its client and the operator's view of it."""

    def __init__(self, node, admin, provisioned):
        self.id = provisioned["tenant_id"]
        self.name = provisioned["tenant_name"]
        self.secret = provisioned["raw_api_key"]
        self.key_id = provisioned["api_key_id"]
        self.admin = admin
        self.url = node.url
        self.api = Api(node.url, self.secret)

    def path(self, rest=""):
        return f"/api/admin/tenants/{self.id}{rest}"

    def quota(self, **figures):
        response = self.admin.put(self.path("/quota"), figures)
        assert response.status_code == 200, response.text
        return response.json()

    def add_agent(self, name, agent_type="worker", **config):
        config.setdefault("model", "llama-3.3-70b")
        body = {"name": name, "agent_type": agent_type, "config": config}
        response = self.admin.post(self.path("/agents"), body)
        assert response.status_code == 201, response.text
        return response.json()

    def change_agent(self, name, **fields):
        response = self.admin.put(self.path(f"/agents/{name}"), fields)
        assert response.status_code == 200, response.text
        return response.json()

    def new_key(self, name="another", **fields):
        response = self.api.post("/v1/api-keys", {"name": name, **fields})
        assert response.status_code == 201, response.text
        return response.json()

    def client(self, secret=None):
        """A client with a connection pool of its own, for use in a thread."""
        return Api(self.url, secret or self.secret)


def sse_events(response):
    """The JSON of every `data:` line of a `requests` response that is a stream."""
    found = []
    for line in response.iter_lines(chunk_size=1):
        text = line.decode("utf-8")
        if text.startswith("data: "):
            found.append(json.loads(text[6:]))
    return found


def text_of(events):
    return "".join(event.get("delta", "") for event in events)


def error_of(response, status, code=None):
    """Checks the common error body (section 1) and returns its sentence."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    body = response.json()
    assert set(body) == {"error", "code", "request_id"}, body
    assert isinstance(body["error"], str) and body["error"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    if code:
        assert body["code"] == code, body
    return body["error"]
