// A configuration as text, loaded from a file of its own.
#pragma once

#include "conf/config.hpp"
#include "tests/catch.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ares::test {

using variables = std::map<std::string, std::string>;

inline const environment no_environment = [](const std::string&) {
  return std::optional<std::string>{};
};

/// A file that is there as long as this object.
class temporary_file {
public:
  explicit temporary_file(const std::string& text) {
    const int file = mkstemp(path_.data());
    REQUIRE(file >= 0);
    close(file);
    std::ofstream(path_, std::ios::binary) << text;
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::remove(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_ = "/tmp/ares-config-XXXXXX";
};

inline result<config> load_from(const std::string& file, const variables& set, secrets need) {
  std::vector<std::string> names;
  for (const auto& [name, value] : set)
    names.push_back(name);
  const auto env = [&set](const std::string& name) {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  };
  return load_config(file, env, names, {"calculator"}, need);
}

inline result<config> load(const std::string& text, const variables& set = {},
                           secrets need = secrets::required) {
  const temporary_file file(text);
  return load_from(file.path(), set, need);
}

/// The error line, with FILE for the name of the file; empty if there is no error.
inline std::string complaint(const std::string& text, const variables& set = {}) {
  const temporary_file file(text);
  const auto read = load_from(file.path(), set, secrets::required);
  if (read)
    return "";
  auto said = read.failure().message;
  CHECK(said.find('\n') == said.npos);
  if (said.starts_with(file.path()))
    said.replace(0, file.path().size(), "FILE");
  return said;
}

/// Models `m` and `n` of a simulated provider: 6 lines.
inline const std::string two_models = R"([providers.sim]
type = "simulated"
[models.m]
provider = "sim"
[models.n]
provider = "sim"
)";

inline const std::string contract_example = R"([server]
host = "127.0.0.1"
port = 3999
admin_secret_env = "ARES_ADMIN_SECRET"
[store]
data_dir = "/some/empty/folder"        # private redis-server below it; or url = "redis://127.0.0.1:6399/0"
fsync = "always"                       # or "everysec"
[providers.mock]
type = "openai"
base_url = "http://127.0.0.1:8099/v1"
api_key_env = "MOCK_KEY"               # optional
timeout_ms = 5000
[providers.sim]
type = "simulated"
latency_ms = 0                         # before the first token
tokens_per_second = 0                  # 0: at once
failure_rate = 0.0
[models."llama-3.3-70b"]
provider = "mock"
model = "upstream-name"                # what the provider is asked for; default: the model's own name
fallbacks = ["sim-model"]              # optional
[models.sim-model]
provider = "sim"
[[templates.generic]]                  # what provision-client clones for product_type "generic"
name = "risk-analyzer"
agent_type = "classifier"
config = { model = "llama-3.3-70b", system_prompt = "You are a risk analysis agent...", tools = ["calculator"], max_tokens = 2048 }
)";

} // namespace ares::test
