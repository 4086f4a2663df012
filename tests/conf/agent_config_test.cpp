#include "conf/config.hpp"
#include "tests/catch.hpp"

#include <chrono>

using namespace ares;
using namespace std::chrono_literals;

namespace {

/// The complaint about an object that has a model, and this key besides.
std::string complaint(const std::string& key, const json& value) {
  json config = {{"model", "m"}};
  config[key] = value;
  const auto read = parse_agent_config(config);
  if (read)
    return "";
  CHECK(read.failure().code == errc::invalid_request);
  return read.failure().message;
}

} // namespace

TEST_CASE("an agent needs a model and nothing else") {
  const auto read = parse_agent_config({{"model", "llama-3.3-70b"}});
  REQUIRE(read);
  CHECK(read->model == "llama-3.3-70b");
  CHECK(read->timeout == 120s);
  CHECK(read->max_retries == 2);
  CHECK(read->max_tool_iterations == 5);
  CHECK_FALSE(read->max_tokens);
}

TEST_CASE("every key of an agent is read") {
  const auto read = parse_agent_config({{"model", "m"},
                                        {"system_prompt", "You are"},
                                        {"tools", {"calculator"}},
                                        {"max_tokens", 2048},
                                        {"temperature", 1},
                                        {"top_p", 0.5},
                                        {"stop", {"a", "b"}},
                                        {"output_schema", {{"type", "object"}}},
                                        {"max_tool_iterations", 0},
                                        {"timeout_ms", 1500},
                                        {"max_retries", 10},
                                        {"fallback_models", {"n"}}});
  REQUIRE(read);
  CHECK(read->system_prompt == "You are");
  CHECK(read->tools == std::vector<std::string>{"calculator"});
  CHECK(read->max_tokens == 2048);
  CHECK(read->temperature == 1.0);
  CHECK(read->top_p == 0.5);
  CHECK(read->stop == std::vector<std::string>{"a", "b"});
  CHECK(read->output_schema == json{{"type", "object"}});
  CHECK(read->max_tool_iterations == 0);
  CHECK(read->timeout == 1500ms);
  CHECK(read->max_retries == 10);
  CHECK(read->fallback_models == std::vector<std::string>{"n"});
}

TEST_CASE("one stop sequence needs no array") {
  const auto read = parse_agent_config({{"model", "m"}, {"stop", "END"}});
  REQUIRE(read);
  CHECK(read->stop == std::vector<std::string>{"END"});
}

TEST_CASE("the complaint about an agent names the field by its path") {
  CHECK(complaint("max_tokens", 0) == "config.max_tokens must be an integer of at least 1");
  CHECK(complaint("max_tokens", 1.0) == "config.max_tokens must be an integer of at least 1");
  CHECK(complaint("temperature", 2.1) == "config.temperature must be a number from 0 to 2");
  CHECK(complaint("tols", 1) == "config.tols is not a known key");
  CHECK(parse_agent_config(json::object()).failure().message == "config.model is required");
  CHECK(parse_agent_config(json::array()).failure().message == "config must be an object");
  CHECK(parse_agent_config(3, "agents[0].config").failure().message ==
        "agents[0].config must be an object");
}

TEST_CASE("types and ranges of an agent are checked at both ends") {
  const auto right = [](const std::string& key, const json& value) {
    INFO(key << " " << value);
    CHECK(complaint(key, value).empty());
  };
  const auto wrong = [](const std::string& key, const json& value) {
    INFO(key << " " << value);
    CHECK(complaint(key, value).starts_with("config." + key + " "));
  };
  right("max_tokens", 2147483647);
  wrong("max_tokens", 2147483648);
  wrong("max_tokens", 18446744073709551615u);
  wrong("max_tokens", -1);
  wrong("max_tokens", "1");
  right("temperature", 0);
  right("temperature", 2);
  wrong("temperature", -0.1);
  wrong("temperature", nullptr);
  right("top_p", 1);
  wrong("top_p", 0);
  wrong("top_p", 1.01);
  right("max_tool_iterations", 50);
  wrong("max_tool_iterations", 51);
  right("timeout_ms", 1);
  right("timeout_ms", 3600000);
  wrong("timeout_ms", 0);
  wrong("timeout_ms", 3600001);
  wrong("max_retries", 11);
  right("stop", {"1", "2", "3", "4"});
  wrong("stop", {"1", "2", "3", "4", "5"});
  wrong("stop", json::array());
  wrong("stop", "");
  wrong("stop", {1});
  right("tools", json::array());
  wrong("tools", {"a", "a"});
  wrong("tools", "a");
  wrong("tools", {1});
  wrong("fallback_models", {""});
  wrong("output_schema", true);
  right("system_prompt", std::string(65536, 'x'));
  wrong("system_prompt", std::string(65537, 'x'));
  wrong("model", "");
  wrong("model", 1);
}

TEST_CASE("agent names are lower case and at most 64 characters") {
  for (const auto* name : {"a", "0", "risk-analyzer", "a_b", "x--"})
    CHECK(is_agent_name(name));
  for (const auto* name : {"", "-a", "_a", "A", "a b", "a.b", "\u00fc"})
    CHECK_FALSE(is_agent_name(name));
  CHECK(is_agent_name(std::string(64, 'a')));
  CHECK_FALSE(is_agent_name(std::string(65, 'a')));
}
