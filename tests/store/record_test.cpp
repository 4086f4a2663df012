#include "conf/json.hpp"
#include "store/record.hpp"
#include "tests/store/slot_bench.hpp"

#include <random>

using namespace ares;
using namespace ares::tests;

namespace {

const std::vector<std::string> field_order{"id",          "agent_id",   "status",     "input",
                                           "output",      "error",      "started_at", "finished_at",
                                           "duration_ms", "tokens_used"};

/// The record as JSON, if its fields are those of a run object, in their order.
ordered_json run_object(const std::string& record) {
  CAPTURE(record);
  auto object = ordered_json::parse(record, nullptr, false);
  REQUIRE(object.is_object());
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items())
    names.push_back(name);
  CHECK(names == field_order);
  return object;
}

/// Inputs that look like the parts of a record which are found by their place or by their end.
const std::vector<std::string> deceptive_inputs{
    R"({"message":"\"status\":\"running\""})",
    R"({"message":"x","status":"running","tokens_used":0})",
    R"({"message":"x","output":null,"error":null,"started_at":"2026-03-13T14:22:00Z","finished_at":null,"duration_ms":null,"tokens_used":0})",
    R"({"message":"\"tokens_used\":0}"})",
    R"({"message":"|r|x|%d %s \\1 $&","%1":"%%"})",
    "{\"message\":\"\xF0\x9F\x98\x80 \xC3\xA4\x7F\"}",
    R"({"message":"\u0000\u0000"})",
};

/// What the script's own functions of time say: `time.lua` is what stands before `local
/// incarnation`.
std::string time_functions() {
  const auto& text = script_named("usage_trim").text; // the part that the batch has, too
  return text.substr(0, text.find("local kept_since"));
}

} // namespace

TEST_CASE("a running record is a run object with what is known") {
  slot_bench b;
  for (const auto& input : deceptive_inputs) {
    const auto a = b.new_run(input);
    const auto started = b.admit_now(a).started_ms;
    const auto record = b.record(a.operation);
    CHECK(record == running_record(a.record_head, started));
    CHECK(is_running(record));
    const auto object = run_object(record);
    CHECK(object["id"] == a.operation.text());
    CHECK(object["agent_id"] == b.agent);
    CHECK(object["status"] == "running");
    CHECK(object["input"].dump() == ordered_json::parse(input).dump());
    for (const auto* name : {"output", "error", "finished_at", "duration_ms"})
      CHECK(object[name].is_null());
    CHECK(object["started_at"] == rfc3339(started));
    CHECK(object["tokens_used"] == 0);
  }
}

TEST_CASE("tokens are added to a running record, and to no other") {
  slot_bench b;
  for (const auto& input : deceptive_inputs) {
    const auto a = b.new_run(input);
    const auto running = running_record(a.record_head, 1000);
    auto expected = run_object(running);
    CHECK(with_tokens(running, 0) == running);
    expected["tokens_used"] = 1234;
    CHECK(run_object(with_tokens(running, 1234)) == expected);
    const auto ended = ended_record(a.record_head, 1000, {{ending::completed, 0, 5}, "{}", "null"});
    CHECK(with_tokens(ended, 1234) == ended);
    CHECK_FALSE(is_running(ended));
  }
  for (const std::string text : {"", "{}", "\"status\":\"running\"", "x\"tokens_used\":0}"})
    CHECK(with_tokens(text, 7) == text);
}

TEST_CASE("an ended record is a run object with its end") {
  slot_bench b;
  const std::int64_t started = 1773411719999; // 2026-03-13T14:21:59.999Z
  for (const auto& input : deceptive_inputs) {
    const auto a = b.new_run(input);
    const auto object = run_object(ended_record(
        a.record_head, started, {{ending::completed, 342, 2001}, R"({"a":[1]})", "null"}));
    CHECK(object["status"] == "completed");
    CHECK(object["input"].dump() == ordered_json::parse(input).dump());
    CHECK(object["output"].dump() == R"({"a":[1]})");
    CHECK(object["error"].is_null());
    CHECK(object["started_at"] == "2026-03-13T14:21:59Z");
    CHECK(object["finished_at"] == "2026-03-13T14:22:02Z");
    CHECK(object["duration_ms"] == 2001);
    CHECK(object["tokens_used"] == 342);
  }
}

TEST_CASE("a settled record is what its node would have written, whatever its input looks like") {
  slot_bench b;
  for (const auto& input : deceptive_inputs)
    for (const auto how : {ending::failed, ending::cancelled}) {
      const auto a = b.new_run(input);
      const auto started = b.admit_now(a).started_ms;
      const std::string error = how == ending::failed ? R"("50% \"lost\" %1 \\")" : "null";
      const auto record = b.end_now(settle(b.tenant, a.operation, b.agent, {how, error})).record;
      const auto duration = run_object(record)["duration_ms"].get<std::int64_t>();
      CHECK(record == ended_record(a.record_head, started, {{how, 0, duration}, "null", error}));
    }
}

TEST_CASE("dates of the script are those of the nodes") {
  test_server server;
  patient_connection store(server.url());
  std::mt19937_64 random(20260313);
  std::vector<std::int64_t> instants{0, 59, 60, 3599, 86399, 86400};
  // Every day of four centuries has its own date; each is looked at in some second of it.
  for (std::int64_t day = 0; day < 146'097; ++day)
    instants.push_back(day * 86400 + static_cast<std::int64_t>(random() % 86400));
  const auto text =
      time_functions() +
      "local result = {} for i = 1, #ARGV do result[i] = date_of(tonumber(ARGV[i])) .. ' ' .. "
      "rfc3339(tonumber(ARGV[i])) end return result";
  for (std::size_t first = 0; first < instants.size(); first += 5000) {
    std::vector<std::string> arguments{"EVAL", text, "0"};
    const auto last = std::min(first + 5000, instants.size());
    for (auto i = first; i < last; ++i)
      arguments.push_back(std::to_string(instants[i]));
    const auto dates = store.ask(std::move(arguments));
    REQUIRE(dates.items.size() == last - first);
    for (auto i = first; i < last; ++i) {
      const auto expected = utc_day(instants[i] * 1000) + ' ' + rfc3339(instants[i] * 1000 + 999);
      if (dates.items[i - first].text != expected)
        FAIL_CHECK(dates.items[i - first].text << " is not " << expected);
    }
  }
}
