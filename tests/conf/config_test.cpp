#include "conf/config.hpp"
#include "tests/conf/config_fixture.hpp"

#include <chrono>

using namespace ares;
using namespace ares::test;
using namespace std::chrono_literals;

TEST_CASE("without a file everything has its default") {
  const auto read = load_config("", no_environment, {}, {});
  REQUIRE(read);
  CHECK(read->server.host == "127.0.0.1");
  CHECK(read->server.port == 3000);
  CHECK(read->server.max_body_bytes == 1 << 20);
  CHECK(read->store.fsync == store_config::fsync_policy::always);
  CHECK(read->retention_days == 90);
  CHECK(read->providers.empty());
  CHECK(read->models.empty());
  CHECK(read->secret_env_names.empty());
}

TEST_CASE("the four tiers are always there") {
  const auto read = load_config("", no_environment, {}, {});
  REQUIRE(read);
  REQUIRE(read->tiers.size() == 4);
  CHECK(read->tiers.at("free").quota_runs == 1'000);
  CHECK(read->tiers.at("free").quota_tokens == 100'000);
  CHECK(read->tiers.at("free").requests_per_day == 100);
  CHECK(read->tiers.at("dev").quota_runs == 10'000);
  CHECK(read->tiers.at("dev").quota_tokens == 1'000'000);
  CHECK(read->tiers.at("dev").requests_per_day == 1'000);
  CHECK(read->tiers.at("pro").quota_runs == 100'000);
  CHECK(read->tiers.at("pro").quota_tokens == 10'000'000);
  CHECK(read->tiers.at("pro").requests_per_day == 10'000);
  CHECK_FALSE(read->tiers.at("enterprise").quota_runs);
  CHECK_FALSE(read->tiers.at("free").max_in_flight);
}

TEST_CASE("a tier keeps the defaults that it does not set, a new one is unlimited") {
  const auto read = load(R"(
[tiers.free]
quota_runs = 5
requests_per_day = "unlimited"
[tiers.gold]
max_in_flight = 8
)");
  REQUIRE(read);
  CHECK(read->tiers.size() == 5);
  CHECK(read->tiers.at("free").quota_runs == 5);
  CHECK(read->tiers.at("free").quota_tokens == 100'000);
  CHECK_FALSE(read->tiers.at("free").requests_per_day);
  CHECK(read->tiers.at("gold").max_in_flight == 8);
  CHECK_FALSE(read->tiers.at("gold").quota_runs);
}

TEST_CASE("the configuration that the contract prints is read as it says") {
  const auto read = load(contract_example, {{"ARES_ADMIN_SECRET", "s3cret"}, {"MOCK_KEY", "k"}});
  REQUIRE(read);
  CHECK(read->server.port == 3999);
  CHECK(read->server.admin_secret == "s3cret");
  CHECK(read->store.data_dir == "/some/empty/folder");
  const auto& mock = read->providers.at("mock");
  CHECK(mock.name == "mock");
  CHECK(mock.type == provider_config::kind::openai);
  CHECK(mock.base_url == "http://127.0.0.1:8099/v1");
  CHECK(mock.api_key == "k");
  CHECK(mock.timeout == 5s);
  CHECK(read->providers.at("sim").type == provider_config::kind::simulated);
  const auto& llama = read->models.at("llama-3.3-70b");
  CHECK(llama.provider == "mock");
  CHECK(llama.upstream_name == "upstream-name");
  CHECK(llama.fallbacks == std::vector<std::string>{"sim-model"});
  CHECK(read->models.at("sim-model").upstream_name == "sim-model");
  const auto& agent = read->templates.at("generic").at(0);
  CHECK(agent.name == "risk-analyzer");
  CHECK(agent.agent_type == "classifier");
  CHECK(agent.config["max_tokens"] == 2048);
  CHECK(agent.config["tools"] == json{"calculator"});
  CHECK(read->secret_env_names == std::vector<std::string>{"ARES_ADMIN_SECRET", "MOCK_KEY"});
}

TEST_CASE("every key of the simple sections is read") {
  const auto read = load(R"(
[server]
host = "::1"
port = 0
default_model = "m"
max_body_bytes = 2048
max_connections = 7
request_timeout_ms = 1000
drain_grace_ms = 250
drain_timeout_ms = 0
cors_origins = ["https://app.example.com", "http://localhost:5173"]
auth_failures_per_minute = 10
trusted_proxies = ["10.0.0.0/8", "::1"]
threads = 2
[store]
url = "redis://user:pa@ss@127.0.0.1:6399/3"
fsync = "everysec"
max_memory_mb = 512
[cluster]
name = "eu"
listen = "127.0.0.1:0"
advertise = "node1:4242"
secret_env = "CLUSTER_SECRET"
tls_cert = "c"
tls_key = "k"
tls_ca = "a"
[log]
level = "debug"
format = "json"
[runs]
retention_days = 32
[tenants]
idle_ms = 1000
[providers.p]
type = "anthropic"
base_url = "https://api.anthropic.com/"
max_concurrency = 3
latency_ms = 5
tokens_per_second = 100
failure_rate = 0.5
[models.m]
provider = "p"
temperature = 1
max_tokens = 10
)",
                         {{"CLUSTER_SECRET", "c"}});
  REQUIRE(read);
  CHECK(read->server.host == "::1");
  CHECK(read->server.port == 0);
  CHECK(read->server.default_model == "m");
  CHECK(read->server.max_body_bytes == 2048);
  CHECK(read->server.max_connections == 7);
  CHECK(read->server.request_timeout == 1s);
  CHECK(read->server.drain_grace == 250ms);
  CHECK(read->server.drain_timeout == 0ms);
  CHECK(read->server.cors_origins.size() == 2);
  CHECK_FALSE(read->server.tls);
  CHECK(read->server.auth_failures_per_minute == 10);
  CHECK(read->server.trusted_proxies.size() == 2);
  CHECK(read->server.threads == 2);
  CHECK(read->store.url == "redis://user:pa@ss@127.0.0.1:6399/3");
  CHECK(read->store.fsync == store_config::fsync_policy::everysec);
  CHECK(read->store.max_memory_mb == 512);
  CHECK(read->cluster.name == "eu");
  CHECK(read->cluster.listen == "127.0.0.1:0");
  CHECK(read->cluster.advertise == "node1:4242");
  CHECK(read->cluster.secret == "c");
  CHECK(read->cluster.tls_ca == "a");
  CHECK(read->log_level == log::level::debug);
  CHECK(read->log_format == log::format::json);
  CHECK(read->retention_days == 32);
  CHECK(read->tenant_idle == 1s);
  const auto& provider = read->providers.at("p");
  CHECK(provider.base_url == "https://api.anthropic.com");
  CHECK(provider.max_concurrency == 3);
  CHECK(provider.latency == 5ms);
  CHECK(provider.tokens_per_second == 100);
  CHECK(provider.failure_rate == 0.5);
  CHECK(read->models.at("m").temperature == 1.0);
  CHECK(read->models.at("m").max_tokens == 10);
}

TEST_CASE("check-config needs no secret to be set, serve needs each that is named") {
  CHECK(load(contract_example, {}, secrets::optional));
  const std::string text = "[server]\nadmin_secret_env = \"SECRET\"\n";
  const std::string missing = "FILE:2: server.admin_secret_env: the environment variable SECRET is "
                              "not set or empty";
  CHECK(complaint(text) == missing);
  CHECK(complaint(text, {{"SECRET", ""}}) == missing);
  CHECK(complaint("[cluster]\nsecret_env = \"S\"").starts_with("FILE:2: cluster.secret_env: "));
  CHECK(complaint("[providers.p]\ntype=\"simulated\"\napi_key_env = \"S\"")
            .starts_with("FILE:3: providers.p.api_key_env: "));
}

TEST_CASE("an agent template without a type has its name as its type") {
  const auto read = load(two_models + R"(
[[templates.x]]
name = "a"
config = { model = "m" }
[[templates.x]]
name = "b"
agent_type = "t"
[templates.x.config]
model = "n"
temperature = 0.5
[[templates.y]]
name = "a"
config = { model = "m" }
)");
  REQUIRE(read);
  CHECK(read->templates.at("x").at(0).agent_type == "a");
  CHECK(read->templates.at("x").at(1).agent_type == "t");
  CHECK(read->templates.at("x").at(1).config == json{{"model", "n"}, {"temperature", 0.5}});
  CHECK(read->templates.at("y").size() == 1);
}
