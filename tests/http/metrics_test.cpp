#include "http/metrics.hpp"
#include "tests/catch.hpp"

#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace ares;
using namespace ares::http;
using namespace std::chrono_literals;

namespace {

struct fixture {
  std::shared_ptr<node_counters> node = std::make_shared<node_counters>();
  metrics m{node};

  /// Series, as it is written in the text -> value.
  [[nodiscard]] std::map<std::string, double> series() const {
    std::map<std::string, double> all;
    std::istringstream text(m.text());
    for (std::string line; std::getline(text, line);) {
      if (line.empty() || line[0] == '#')
        continue;
      const auto space = line.rfind(' ');
      CHECK(all.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second);
    }
    return all;
  }

  [[nodiscard]] double value(const std::string& name) const {
    const auto all = series();
    INFO(name);
    REQUIRE(all.count(name) == 1);
    return all.at(name);
  }
};

std::string bucket(const std::string& endpoint, const std::string& bound) {
  return "ares_http_request_duration_seconds_bucket{endpoint=\"" + endpoint + "\",le=\"" + bound +
         "\"}";
}

} // namespace

TEST_CASE("requests are counted by endpoint and status") {
  fixture f;
  f.m.answered(endpoint::run_agent, 200, 1ms);
  f.m.answered(endpoint::run_agent, 200, 1ms);
  f.m.answered(endpoint::run_agent, 429, 1ms);
  f.m.answered(endpoint::chat, 200, 1ms);
  CHECK(f.value(R"(ares_http_requests_total{endpoint="run_agent",status="200"})") == 2);
  CHECK(f.value(R"(ares_http_requests_total{endpoint="run_agent",status="429"})") == 1);
  CHECK(f.value(R"(ares_http_requests_total{endpoint="chat",status="200"})") == 1);
  CHECK(f.series().count(R"(ares_http_requests_total{endpoint="chat",status="429"})") == 0);
}

TEST_CASE("every endpoint has a name of its own") {
  fixture f;
  for (const auto& r : routes())
    f.m.answered(r.where, 200, 1ms);
  std::set<std::string> names;
  for (const auto& [name, value] : f.series())
    if (name.rfind("ares_http_requests_total{", 0) == 0) {
      INFO(name);
      CHECK(value == 1);
      names.insert(name);
    }
  CHECK(names.size() == routes().size());
  CHECK(names.count(R"(ares_http_requests_total{endpoint="agents",status="200"})") == 1);
  CHECK(names.count(R"(ares_http_requests_total{endpoint="attach_run",status="200"})") == 1);
  CHECK(names.count(R"(ares_http_requests_total{endpoint="openapi",status="200"})") == 1);
  CHECK(names.count(R"(ares_http_requests_total{endpoint="admin",status="200"})") == 1);
}

TEST_CASE("statuses the API does not have are counted together") {
  fixture f;
  for (int status : {0, -1, 199, 203, 418, 506, 100000, std::numeric_limits<int>::max()})
    f.m.answered(endpoint::admin, status, 1ms);
  f.m.refused(299);
  CHECK(f.value(R"(ares_http_requests_total{endpoint="admin",status="other"})") == 8);
  CHECK(f.value(R"(ares_http_refused_total{status="other"})") == 1);
}

TEST_CASE("refusals before a route are counted by status") {
  fixture f;
  f.m.refused(400);
  f.m.refused(400);
  f.m.refused(505);
  CHECK(f.value(R"(ares_http_refused_total{status="400"})") == 2);
  CHECK(f.value(R"(ares_http_refused_total{status="505"})") == 1);
}

TEST_CASE("a duration falls into the first bucket that holds it, and all above") {
  fixture f;
  f.m.answered(endpoint::chat, 200, 0ms);
  f.m.answered(endpoint::chat, 200, 10ms); // on a bound
  f.m.answered(endpoint::chat, 200, 11ms);
  f.m.answered(endpoint::chat, 200, 1h);
  CHECK(f.value(bucket("chat", "0.001")) == 1);
  CHECK(f.value(bucket("chat", "0.005")) == 1);
  CHECK(f.value(bucket("chat", "0.01")) == 2);
  CHECK(f.value(bucket("chat", "0.025")) == 3);
  CHECK(f.value(bucket("chat", "120")) == 3);
  CHECK(f.value(bucket("chat", "+Inf")) == 4);
  CHECK(f.value(R"(ares_http_request_duration_seconds_count{endpoint="chat"})") == 4);
  CHECK(f.value(R"(ares_http_request_duration_seconds_sum{endpoint="chat"})") == Approx(3600.021));
  CHECK(f.series().count(bucket("usage", "+Inf")) == 0);
}

TEST_CASE("the node's own counters are shown as they stand") {
  fixture f;
  CHECK(f.value("ares_runs_started_total") == 0);
  f.node->runs_started = 7;
  f.node->runs_completed = 3;
  f.node->runs_failed = 2;
  f.node->runs_cancelled = 1;
  f.node->chats_started = 4;
  f.node->tokens = 9'007'199'254'740'991; // the largest a double holds exactly
  f.node->operations_live = 5;
  f.node->tenants_active = 6;
  f.node->ends_waiting = 8;
  CHECK(f.value("ares_runs_started_total") == 7);
  CHECK(f.value(R"(ares_runs_ended_total{status="completed"})") == 3);
  CHECK(f.value(R"(ares_runs_ended_total{status="failed"})") == 2);
  CHECK(f.value(R"(ares_runs_ended_total{status="cancelled"})") == 1);
  CHECK(f.value("ares_chats_started_total") == 4);
  CHECK(f.value("ares_tokens_total") == 9'007'199'254'740'991.0);
  CHECK(f.value("ares_operations_in_flight") == 5);
  CHECK(f.value("ares_tenants_active") == 6);
  CHECK(f.value("ares_ends_waiting") == 8);
}

TEST_CASE("the process tells of itself under the usual names") {
  fixture f;
  CHECK(f.value("process_cpu_seconds_total") >= 0);
  CHECK(f.value("process_resident_memory_bytes") > 1e5);
  CHECK(f.value("process_virtual_memory_bytes") >= f.value("process_resident_memory_bytes"));
  CHECK(f.value("process_open_fds") >= 1);
  CHECK(f.value("process_max_fds") > f.value("process_open_fds"));
  CHECK(f.value("process_start_time_seconds") > 1.6e9);
}

TEST_CASE("every family says what it is, once") {
  fixture f;
  f.m.answered(endpoint::chat, 200, 1ms);
  std::istringstream text(f.m.text());
  std::multiset<std::string> types;
  for (std::string line; std::getline(text, line);)
    if (line.rfind("# TYPE ", 0) == 0)
      types.insert(line.substr(7));
  CHECK(types.count("ares_http_requests_total counter") == 1);
  CHECK(types.count("ares_http_request_duration_seconds histogram") == 1);
  CHECK(types.count("ares_http_refused_total counter") == 1);
  CHECK(types.count("ares_runs_ended_total counter") == 1);
  CHECK(types.count("ares_operations_in_flight gauge") == 1);
  CHECK(types.count("process_open_fds gauge") == 1);
}

TEST_CASE("nothing is lost when several threads count and one reads") {
  fixture f;
  constexpr int threads = 4, each = 5000;
  std::vector<std::thread> counting;
  for (int t = 0; t < threads; ++t)
    counting.emplace_back([&f] {
      for (int i = 0; i < each; ++i) {
        f.m.answered(endpoint::usage, 200, 2ms);
        f.m.refused(404);
      }
    });
  for (int i = 0; i < 10; ++i) {
    const auto now = f.series();
    if (const auto sum = now.find(R"(ares_http_request_duration_seconds_count{endpoint="usage"})");
        sum != now.end())
      CHECK(sum->second == now.at(bucket("usage", "+Inf")));
  }
  for (auto& t : counting)
    t.join();
  CHECK(f.value(R"(ares_http_requests_total{endpoint="usage",status="200"})") == threads * each);
  CHECK(f.value(bucket("usage", "0.0025")) == threads * each);
  CHECK(f.value(R"(ares_http_refused_total{status="404"})") == threads * each);
}
