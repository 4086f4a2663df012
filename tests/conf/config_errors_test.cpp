#include "tests/conf/config_fixture.hpp"

using namespace ares;
using namespace ares::test;

TEST_CASE("an unknown key or section is refused, with a suggestion where one is near") {
  CHECK(complaint("[server]\n\nprot = 1") ==
        "FILE:3: server.prot: unknown key; did you mean \"port\"?");
  CHECK(complaint("[server]\nxyzzy = 1") == "FILE:2: server.xyzzy: unknown key");
  CHECK(complaint("[servr]\nport = 1") ==
        "FILE:1: servr: unknown section; did you mean \"server\"?");
  CHECK(complaint("port = 1").starts_with("FILE:1: port: unknown section"));
  CHECK(complaint("[server.port]\nx = 1") ==
        "FILE:1: server.port: must be an integer from 0 to 65535");
  CHECK(complaint("[models.\"llama-3.3\"]\ntemprature = 1") ==
        "FILE:2: models.\"llama-3.3\".temprature: unknown key; did you mean \"temperature\"?");
}

TEST_CASE("a wrong type is refused where it stands") {
  CHECK(complaint("[server]\nport = \"3000\"") ==
        "FILE:2: server.port: must be an integer from 0 to 65535");
  CHECK(complaint("[server]\nport = 3000.0").starts_with("FILE:2: server.port: must be"));
  CHECK(complaint("[server]\nhost = 1") == "FILE:2: server.host: must be a string");
  CHECK(complaint("[server]\ncors_origins = \"https://a\"") ==
        "FILE:2: server.cors_origins: must be an array of strings");
  CHECK(complaint("server = 1") == "FILE:1: server: must be a table");
  CHECK(complaint("providers = 1") == "FILE:1: providers: must be tables: [providers.NAME]");
  CHECK(complaint("[providers]\nsim = 1") == "FILE:2: providers.sim: must be a table");
  CHECK(complaint("[tiers.free]\nquota_runs = \"many\"") ==
        "FILE:2: tiers.free.quota_runs: must be an integer of at least 0 or \"unlimited\"");
}

TEST_CASE("a value out of its range is refused") {
  const auto wrong = [](const std::string& section, const std::string& line) {
    INFO(section << " " << line);
    const auto key = line.substr(0, line.find(' '));
    CHECK(complaint("[" + section + "]\n" + line)
              .starts_with("FILE:2: " + section + "." + key + ": "));
  };
  wrong("server", "port = 65536");
  wrong("server", "port = -1");
  wrong("server", "host = \"\"");
  wrong("server", "host = \"a b\"");
  wrong("server", "max_body_bytes = 0");
  wrong("server", "request_timeout_ms = 0");
  wrong("server", "threads = 0");
  wrong("server", "cors_origins = [\"https://a/\"]");
  wrong("server", "cors_origins = [\"https://a\", \"https://a\"]");
  wrong("server", "trusted_proxies = [\"10.0.0.0/33\"]");
  wrong("server", "trusted_proxies = [\"proxy\"]");
  wrong("server", "trusted_proxies = [\"1.2.3.4\\u0000\"]");
  wrong("server", "default_model = \"none\"");
  wrong("server", "admin_secret_env = \"A B\"");
  wrong("server", "tls_cert = \"cert.pem\"");
  wrong("cluster", "tls_key = \"key.pem\"");
  wrong("store", "fsync = \"no\"");
  wrong("store", "data_dir = \"\"");
  wrong("store", "max_memory_mb = -1");
  wrong("log", "level = \"trace\"");
  wrong("log", "format = \"xml\"");
  wrong("runs", "retention_days = 31");
  wrong("tenants", "idle_ms = 0");
  wrong("cluster", "listen = \"127.0.0.1\"");
  wrong("cluster", "name = \"a b\"");
  wrong("providers.p", "type = \"opnai\"");
  wrong("providers.p", "failure_rate = 1.1");
  wrong("providers.p", "failure_rate = nan");
  wrong("providers.p", "base_url = \"ftp://x\"");
  wrong("providers.p", "base_url = \"http://\"");
  wrong("providers.p", "base_url = \"http://x?y\"");
  wrong("providers.p", "timeout_ms = 0");
  wrong("models.m", "temperature = 3");
  wrong("models.m", "max_tokens = 0");
  wrong("tiers.free", "quota_runs = -1");
  wrong("tiers.free", "max_in_flight = 0");
}

TEST_CASE("the complaint about a choice names the choices") {
  CHECK(complaint("[log]\nlevel = \"loud\"") ==
        "FILE:2: log.level: must be \"debug\" or \"info\" or \"warn\" or \"error\"");
}

TEST_CASE("only URLs of a store that we can talk to are accepted") {
  for (const auto* url :
       {"redis://localhost", "redis://127.0.0.1:6399/0", "redis://:pw@h:1", "redis://h/",
        "redis://[::1]:6379/2", "unix:///run/redis.sock", "unix:///a?db=3"})
    CHECK(complaint("[store]\nurl = \"" + std::string(url) + '"') == "");
  for (const auto* url :
       {"localhost:6379", "rediss://h", "redis://", "redis://h:0", "redis://h:99999", "redis://h/x",
        "redis://h/-1", "unix://run", "unix:///", "unix:///a?x=1"})
    CHECK(complaint("[store]\nurl = \"" + std::string(url) + '"')
              .starts_with("FILE:2: store.url: must be "));
}

TEST_CASE("a provider says what it is and where") {
  CHECK(complaint("[providers.p]\ntimeout_ms = 1") == "FILE:1: providers.p.type: is required");
  CHECK(complaint("\n[providers.p]\ntype = \"openai\"") ==
        "FILE:2: providers.p.base_url: is required");
  CHECK(complaint("[providers.\"a b\"]\ntype = \"simulated\"")
            .starts_with("FILE:1: providers.\"a b\": must be a name"));
}

TEST_CASE("what is named must exist") {
  CHECK(complaint("[models.m]\nprovider = \"p\"") ==
        "FILE:2: models.m.provider: there is no provider \"p\"");
  CHECK(complaint("[models.m]\nmodel = \"x\"") == "FILE:1: models.m.provider: is required");
  CHECK(complaint(two_models + "fallbacks = [\"m\", \"o\"]") ==
        "FILE:7: models.n.fallbacks: there is no model \"o\"");
  CHECK(complaint(two_models + "fallbacks = [\"n\"]") ==
        "FILE:7: models.n.fallbacks: must not name the model itself");
  CHECK(complaint(two_models + "[server]\ndefault_model = \"o\"") ==
        "FILE:8: server.default_model: there is no model \"o\"");
}

TEST_CASE("a template is an agent that could be made") {
  const auto wrong = [](const std::string& lines) {
    return complaint(two_models + "[[templates.x]]\n" + lines);
  };
  CHECK(wrong("config = {model = \"m\"}") == "FILE:7: templates.x[0].name: is required");
  CHECK(wrong("name = \"a\"") == "FILE:7: templates.x[0].config: is required");
  CHECK(wrong("name = \"A\"\nconfig = {model = \"m\"}") ==
        "FILE:8: templates.x[0].name: must be a name of the form [a-z0-9][a-z0-9_-]{0,63}");
  CHECK(wrong("name = \"a\"\nconfig = 1") == "FILE:9: templates.x[0].config: must be an object");
  CHECK(wrong("name = \"a\"\nconfig = {}") == "FILE:9: templates.x[0].config.model: is required");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"m\", max_tokens = 0}") ==
        "FILE:9: templates.x[0].config.max_tokens: must be an integer of at least 1");
  CHECK(wrong("name = \"a\"\n[templates.x.config]\nmodel = \"m\"\ntop_p = 2") ==
        "FILE:11: templates.x[0].config.top_p: must be a number above 0 and up to 1");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"o\"}") ==
        "FILE:9: templates.x[0].config.model: there is no model \"o\"");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"m\", tools = [\"hammer\"]}") ==
        "FILE:9: templates.x[0].config.tools: there is no tool \"hammer\"");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"m\", fallback_models = [\"o\"]}") ==
        "FILE:9: templates.x[0].config.fallback_models: there is no model \"o\"");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"m\", stop = [2026-01-01]}") ==
        "FILE:9: templates.x[0].config: must not hold dates, infinity or NaN");
  CHECK(wrong("nam = \"a\"") == "FILE:8: templates.x[0].nam: unknown key; did you mean \"name\"?");
  CHECK(wrong("name = \"a\"\nconfig = {model = \"m\"}\n[[templates.x]]\nname = \"a\"\nconfig = "
              "{model = \"m\"}") ==
        "FILE:11: templates.x[1].name: is the name of another template of x");
  CHECK(complaint("[templates]\nx = 1") ==
        "FILE:2: templates.x: must be an array of tables: [[templates.x]]");
}

TEST_CASE("what is no TOML is refused with its line") {
  CHECK(complaint("[server]\nport = = 1").starts_with("FILE:2: not valid TOML: "));
  CHECK(complaint("[server]\nport = 1\nport = 2").starts_with("FILE:3: not valid TOML: "));
  CHECK(complaint("a = \"\xff\"").starts_with("FILE:1: not valid TOML: "));
}

TEST_CASE("a file that cannot be read is named") {
  CHECK(load_config("/no/such/file", no_environment, {}, {}).failure().message ==
        "/no/such/file: cannot be read");
  CHECK(load_config("/tmp", no_environment, {}, {}).failure().message == "/tmp: cannot be read");
}
