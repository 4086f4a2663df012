#include "tests/conf/config_fixture.hpp"

using namespace ares;
using namespace ares::test;

TEST_CASE("the environment overrides the file") {
  const auto read = load("[server]\nport = 1\nhost = \"a\"", {{"ARES_SERVER__PORT", "0"},
                                                              {"ARES_STORE__DATA_DIR", "/tmp/x"},
                                                              {"ARES_LOG__LEVEL", "debug"}});
  REQUIRE(read);
  CHECK(read->server.port == 0);
  CHECK(read->server.host == "a");
  CHECK(read->store.data_dir == "/tmp/x");
  CHECK(read->log_level == log::level::debug);
}

TEST_CASE("a value is read as TOML where its key wants more than text") {
  const auto read =
      load(two_models, {{"ARES_SERVER__CORS_ORIGINS", R"(["https://a", "https://b"])"},
                        {"ARES_PROVIDERS__SIM__FAILURE_RATE", "0.25"},
                        {"ARES_TIERS__FREE__QUOTA_RUNS", "7"},
                        {"ARES_TIERS__FREE__QUOTA_TOKENS", "unlimited"},
                        {"ARES_MODELS__M__MODEL", "123"}});
  REQUIRE(read);
  CHECK(read->server.cors_origins.size() == 2);
  CHECK(read->providers.at("sim").failure_rate == 0.25);
  CHECK(read->tiers.at("free").quota_runs == 7);
  CHECK_FALSE(read->tiers.at("free").quota_tokens);
  CHECK(read->models.at("m").upstream_name == "123");
}

TEST_CASE("names match whatever their case, with underscores for what is no letter or digit") {
  const auto text = two_models + "[models.\"Llama-3.3\"]\nprovider = \"sim\"";
  const auto read = load(text, {{"ARES_MODELS__LLAMA_3_3__MODEL", "up"}});
  REQUIRE(read);
  CHECK(read->models.size() == 3);
  CHECK(read->models.at("Llama-3.3").upstream_name == "up");
}

TEST_CASE("a name that two entries could have is refused") {
  const auto text =
      two_models + "[models.a-b]\nprovider = \"sim\"\n[models.\"a.b\"]\nprovider = \"sim\"";
  CHECK(complaint(text, {{"ARES_MODELS__A_B__MODEL", "x"}}) ==
        "ARES_MODELS__A_B__MODEL: models.a_b: is the spelling of more than one name");
}

TEST_CASE("a provider and a model can come from the environment alone") {
  const auto read = load("", {{"ARES_PROVIDERS__MOCK__TYPE", "openai"},
                              {"ARES_PROVIDERS__MOCK__BASE_URL", "http://127.0.0.1:1/v1"},
                              {"ARES_MODELS__TINY__PROVIDER", "mock"}});
  REQUIRE(read);
  CHECK(read->providers.at("mock").base_url == "http://127.0.0.1:1/v1");
  CHECK(read->models.at("tiny").provider == "mock");
}

TEST_CASE("an override that is wrong is named instead of the file") {
  CHECK(complaint("[server]\nport = 1", {{"ARES_SERVER__PORT", "x"}}) ==
        "ARES_SERVER__PORT: server.port: must be an integer from 0 to 65535");
  CHECK(complaint("", {{"ARES_SERVER__PORT", "1\nhost = 2"}}) ==
        "ARES_SERVER__PORT: server.port: must be an integer from 0 to 65535");
  CHECK(complaint("", {{"ARES_SERVER__PROT", "1"}}) ==
        "ARES_SERVER__PROT: server.prot: unknown key; did you mean \"port\"?");
  CHECK(complaint("", {{"ARES_SERVER__", "1"}}).starts_with("ARES_SERVER__: "));
  CHECK(complaint("", {{"ARES_MODELS__PROVIDER", "1"}}).starts_with("ARES_MODELS__PROVIDER: "));
  CHECK(complaint("", {{"ARES_SERVER__A__PORT", "1"}}).starts_with("ARES_SERVER__A__PORT: "));
  CHECK(complaint("", {{"ARES_SERVR__PORT", "1"}}) ==
        "ARES_SERVR__PORT: servr: unknown section; did you mean \"server\"?");
  CHECK(complaint("", {{"ARES_TEMPLATES__X__NAME", "1"}}) ==
        "ARES_TEMPLATES__X__NAME: templates: templates cannot be set by the environment");
  CHECK(complaint("", {{"ARES_PROVIDERS__P__TIMEOUT_MS", "5"}})
            .ends_with(": providers.p.type: is required"));
  CHECK(complaint("server = 1", {{"ARES_SERVER__PORT", "5"}}) == "FILE:1: server: must be a table");
  CHECK(complaint(two_models, {{"ARES_MODELS__N__PROVIDER", "p"}}) ==
        "ARES_MODELS__N__PROVIDER: models.n.provider: there is no provider \"p\"");
}

TEST_CASE("variables of others are left alone") {
  CHECK(load("", {{"ARES_ADMIN_SECRET", "x"},
                  {"ARES_SERVER_PORT", "x"},
                  {"ARES_SOMETHING__ELSE", "x"},
                  {"SERVER__PORT", "x"},
                  {"PATH", "x"}}));
}
