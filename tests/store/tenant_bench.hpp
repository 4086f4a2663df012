// A store of its own for a test of administration, and a second view of it.
#pragma once

#include "store/keys.hpp"
#include "store/scripts.hpp"
#include "store/tenants.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ares::tests {

using namespace ares::store;

inline const author admin{"admin", "request-1"};

struct tenant_bench {
  explicit tenant_bench(test_server_options options = {}) : server(std::move(options)) {}

  test_server server;
  store_clock clock;
  redis connection{{server.url()}, clock};
  id_generator ids{[this] { return clock.now_ms(); }};
  tenant_store tenants{connection, clock, ids};
  blocking_calls raw{connection};

  reply ask(std::vector<std::string> command) {
    auto r = raw.call(std::move(command));
    REQUIRE(r);
    return *r;
  }

  std::set<std::string> all_keys() {
    std::set<std::string> names;
    for (const auto& item : ask({"KEYS", "*"}).items)
      names.insert(item.text);
    return names;
  }

  tenant_id make(const std::string& name) {
    auto t = tenants.create({name, "free", {}, {}, {}}, admin);
    REQUIRE(t);
    return t->tenant.id;
  }

  std::string version(const tenant_id& t) { return ask({"HGET", keys::tenant(t), "v"}).text; }

  std::vector<std::string> actions() {
    auto log = tenants.audit().read({1000, {}});
    REQUIRE(log);
    std::vector<std::string> found;
    for (const auto& entry : log->items)
      found.push_back(json::parse(entry)["action"]);
    return found;
  }
};

inline new_agent agent_named(const std::string& name) {
  return {name, {"classifier", true, {{"model", "m"}, {"max_tokens", 5}, {"system_prompt", "be"}}}};
}

template <class T> errc refusal(const result<T>& r) {
  REQUIRE_FALSE(r);
  return r.failure().code;
}

} // namespace ares::tests
