#include "actors/run_machine.hpp"
#include "tests/catch.hpp"

#include <functional>
#include <set>

using namespace ares;
using namespace std::chrono_literals;

namespace {

using machine_time = run_machine::time;
using commands = run_machine::commands;
using fault = completion_failure::kind;

const machine_time start{10s};

run_plan plan(int retries = 2, int models = 1) {
  run_plan p;
  p.messages = {{chat_message::role::user, "12345678", {}, {}}};
  for (int i = 0; i < models; ++i)
    p.models.push_back(
        {"model-" + std::to_string(i), "sim", "upstream-" + std::to_string(i), {}, {}});
  p.max_retries = retries;
  p.timeout = 1min;
  return p;
}

run_plan with_tools(run_plan p, int rounds) {
  p.tools = {{"calculator", "Calculates", json::object()}};
  p.max_tool_iterations = rounds;
  return p;
}

run_plan with_schema(run_plan p) {
  p.output_schema =
      json::parse(R"({"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}})");
  return p;
}

run_plan as_chat(run_plan p) {
  p.is_run = false;
  return p;
}

completion says(std::string content, std::int64_t tokens = 5) {
  return {std::move(content), {}, finish_reason::stop, tokens};
}

completion calls_tool(std::string arguments = R"({"expression":"1+1"})", std::int64_t tokens = 7) {
  return {"", {{"call-a", "calculator", std::move(arguments)}}, finish_reason::tool_calls, tokens};
}

completion_failure fails(fault what, int status = 0, std::int64_t tokens = 0) {
  completion_failure f;
  f.what = what;
  f.status = status;
  f.tokens = tokens;
  f.message = "It failed";
  return f;
}

template <class Command> const Command* find(const commands& all) {
  for (const auto& c : all)
    if (const auto* found = std::get_if<Command>(&c))
      return found;
  return nullptr;
}

template <class Command> const Command& only(const commands& all) {
  REQUIRE(all.size() == 1);
  REQUIRE(std::holds_alternative<Command>(all[0]));
  return std::get<Command>(all[0]);
}

using end = run_machine::end;
using call_model = run_machine::call_model;
using checkpoint = run_machine::checkpoint;
using drop_call = run_machine::drop_call;
using execute_tools = run_machine::execute_tools;
using pause_command = run_machine::wait;

} // namespace

// -- every short life -----------------------------------------------------------

namespace {

/// What happens to a machine, one of each kind; `current` is the number of its last call.
struct event {
  const char* name;
  std::function<commands(run_machine&, std::uint64_t current)> happen;
  enum class kind { answer, stale, elapsed, stop, cancel, delivered, overdue } what;
  std::int64_t tokens = 0; // that an answer reports
  bool failure = false;
};

const std::vector<event>& events() {
  using kind = event::kind;
  static const std::vector<event> all{
      {"an object", [](auto& m, auto n) { return m.completed(n, says("{\"n\":1}", 5), start); },
       kind::answer, 5},
      {"prose", [](auto& m, auto n) { return m.completed(n, says("prose", 11), start); },
       kind::answer, 11},
      {"a tool call", [](auto& m, auto n) { return m.completed(n, calls_tool("{}", 7), start); },
       kind::answer, 7},
      {"half a tool call",
       [](auto& m, auto n) {
         auto c = calls_tool("{\"ex", 13);
         c.finish = finish_reason::length;
         return m.completed(n, c, start);
       },
       kind::answer, 13},
      {"a cut", [](auto& m, auto n) { return m.failed(n, fails(fault::cut, 0, 3), start); },
       kind::answer, 3, true},
      {"a refusal", [](auto& m, auto n) { return m.failed(n, fails(fault::status, 400), start); },
       kind::answer, 0, true},
      {"silence", [](auto& m, auto n) { return m.failed(n, fails(fault::timeout, 0, 2), start); },
       kind::answer, 2, true},
      {"a stale answer",
       [](auto& m, auto n) { return m.completed(n - 1, says("old", 1000), start); }, kind::stale},
      {"a stale failure",
       [](auto& m, auto n) { return m.failed(n - 1, fails(fault::connect), start); }, kind::stale},
      {"an answer of the future",
       [](auto& m, auto n) { return m.completed(n + 1, says("new", 1000), start); }, kind::stale},
      {"retry due", [](auto& m, auto) { return m.retry_due(start); }, kind::elapsed},
      {"tools done", [](auto& m, auto) { return m.tools_done({"2"}, start); }, kind::elapsed},
      {"deadline", [](auto& m, auto) { return m.deadline(); }, kind::stop},
      {"client left", [](auto& m, auto) { return m.client_left(); }, kind::stop},
      {"cancel", [](auto& m, auto) { return m.cancel(); }, kind::cancel},
      {"drop overdue", [](auto& m, auto) { return m.drop_overdue(); }, kind::overdue},
      {"delta delivered",
       [](auto& m, auto) {
         m.delta_delivered();
         return commands{};
       },
       kind::delivered},
  };
  return all;
}

/// A machine and what it must have done so far, told by its commands alone.
struct life {
  run_machine machine;
  enum class awaits { call, pause, tools, drop, nothing } out = awaits::nothing;
  std::uint64_t last_call = 0;
  std::int64_t reported = 0, checkpointed = 0, rounds = 0;
  int attempts = 0, answers = 0; // attempts: of one call at one model
  std::string model = {};
  bool delivered = false, stopped = false;
};

void require(bool holds, const char* what, const std::vector<const char*>& story) {
  if (holds)
    return;
  std::string told = what;
  for (const auto* name : story)
    told += std::string(" / ") + name;
  FAIL(told);
}

void take_call(life& l, const event& e, const call_model& c,
               const std::vector<const char*>& story) {
  const auto& plan = l.machine.plan();
  require(c.call == l.last_call + 1, "calls are numbered in order", story);
  require(!l.stopped, "no call after a stop", story);
  l.last_call = c.call;
  l.attempts = e.failure || e.what == event::kind::elapsed ? l.attempts : 0;
  if (c.model->name != l.model)
    l.attempts = 0;
  l.model = c.model->name;
  ++l.attempts;
  require(l.attempts <= plan.max_retries + 1, "attempts are limited", story);
  require(c.deadline > 0ms && c.deadline <= plan.timeout, "a call ends by the deadline", story);
  l.delivered = false;
  l.out = life::awaits::call;
}

void take(life& l, const event& e, const commands& out, const std::vector<const char*>& story) {
  const auto& plan = l.machine.plan();
  const bool was_called = l.out == life::awaits::call, was_dropping = l.out == life::awaits::drop;
  for (std::size_t i = 0; i < out.size(); ++i) {
    require(l.out != life::awaits::nothing || l.last_call == 0, "nothing follows the end", story);
    if (const auto* c = std::get_if<call_model>(&out[i])) {
      take_call(l, e, *c, story);
    } else if (const auto* d = std::get_if<drop_call>(&out[i])) {
      require(was_called && d->call == l.last_call, "the call that is out is dropped", story);
      l.out = life::awaits::drop;
    } else if (std::holds_alternative<pause_command>(out[i])) {
      require(!l.delivered, "nothing is tried again once a client heard of it", story);
      require(e.failure, "only a failure is tried again", story);
      l.out = life::awaits::pause;
    } else if (std::holds_alternative<execute_tools>(out[i])) {
      require(++l.rounds <= plan.max_tool_iterations, "tool rounds are limited", story);
      l.attempts = 0;
      l.out = life::awaits::tools;
    } else if (const auto* c = std::get_if<checkpoint>(&out[i])) {
      require(c->tokens == l.reported, "a checkpoint is all that was reported", story);
      l.checkpointed = c->tokens;
    } else if (const auto* ended = std::get_if<end>(&out[i])) {
      require(i + 1 == out.size(), "the end is last", story);
      require(l.machine.ended(), "it says that it ended", story);
      auto expected = e.what == event::kind::cancel ? l.checkpointed : l.reported;
      if (e.what == event::kind::overdue)
        expected += estimate_prompt_tokens(plan.messages);
      require(ended->tokens == expected, "an end counts what was reported", story);
      if (ended->how == store::ending::completed)
        require(ended->model && ended->model->name == l.model, "an answer names its model", story);
      require(ended->how != store::ending::failed || ended->why, "a failure has a reason", story);
      require(!l.stopped || ended->how != store::ending::completed,
              "what was stopped is not completed", story);
      l.out = life::awaits::nothing;
    }
  }
  require(l.machine.ended() == (l.out == life::awaits::nothing),
          "it waits for something until its end", story);
  if (e.what == event::kind::answer && (was_called || was_dropping))
    require(!out.empty(), "an answer leads somewhere", story);
  if (was_dropping && (e.what == event::kind::answer || e.what == event::kind::overdue))
    require(l.machine.ended(), "what was dropped ends", story);
}

void live(const life& before, int depth, std::vector<const char*>& story, std::size_t& lives) {
  for (const auto& e : events()) {
    ++lives;
    story.push_back(e.name);
    auto l = before;
    const bool listening = l.out == life::awaits::call || l.out == life::awaits::drop;
    if (e.what == event::kind::answer && listening)
      l.reported += e.tokens;
    if (e.what == event::kind::stop)
      l.stopped = true;
    if (e.what == event::kind::delivered)
      l.delivered = true;
    const auto out = e.happen(l.machine, l.last_call);
    if (e.what == event::kind::stale)
      require(out.empty(), "stale answers change nothing", story);
    take(l, e, out, story);
    // What changed nothing needs no second look: all that follows was seen without it.
    const bool changed = !out.empty() || (e.what == event::kind::delivered && !before.delivered);
    if (changed && depth > 1 && !l.machine.ended())
      live(l, depth - 1, story, lives);
    else if (l.machine.ended() && before.out != life::awaits::nothing)
      live(l, 1, story, lives); // nothing follows
    story.pop_back();
  }
}

} // namespace

TEST_CASE("every short life of a run ends once, counts everything and keeps its limits") {
  const std::vector<run_plan> plans{
      plan(0),
      plan(1),
      plan(1, 2),
      as_chat(plan(1, 2)),
      with_tools(plan(1), 1),
      with_tools(plan(0), 0),
      as_chat(with_tools(plan(1), 1)),
      with_schema(plan(1)),
      with_schema(with_tools(plan(0, 2), 1)),
  };
  std::size_t lives = 0;
  for (const auto& p : plans) {
    life l{run_machine(p)};
    std::vector<const char*> story;
    const auto out = l.machine.admitted(start);
    take(l, event{"admitted", {}, event::kind::elapsed}, out, story);
    live(l, 7, story, lives);
  }
  CHECK(lives > 20000);
}

// -- retries and fallbacks ------------------------------------------------------

TEST_CASE("connection errors, cuts, 429 and 5xx are tried again, others are not") {
  const std::vector<std::pair<completion_failure, bool>> table{
      {fails(fault::connect), true},      {fails(fault::cut), true},
      {fails(fault::busy), true},         {fails(fault::injected), true},
      {fails(fault::status, 429), true},  {fails(fault::status, 500), true},
      {fails(fault::status, 503), true},  {fails(fault::status, 400), false},
      {fails(fault::status, 401), false}, {fails(fault::timeout), false},
      {fails(fault::invalid), false},
  };
  for (const auto& [failure, again] : table) {
    run_machine m(plan());
    (void)m.admitted(start);
    const auto out = m.failed(1, failure, start);
    INFO(failure.status);
    CHECK((find<pause_command>(out) != nullptr) == again);
    CHECK(m.ended() == !again);
  }
}

TEST_CASE("pauses between attempts double, and a Retry-After goes before them") {
  run_machine m(plan(10));
  (void)m.admitted(start);
  std::vector<std::chrono::milliseconds> pauses;
  for (std::uint64_t call = 1; call <= 7; ++call) {
    auto f = fails(fault::status, 429);
    if (call == 7)
      f.retry_after = 1234ms;
    pauses.push_back(only<pause_command>(m.failed(call, f, start)).pause);
    CHECK(only<call_model>(m.retry_due(start)).call == call + 1);
  }
  CHECK(pauses ==
        std::vector<std::chrono::milliseconds>{100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 1234ms});
}

TEST_CASE("a Retry-After beyond the deadline is not waited for") {
  run_machine m(plan());
  (void)m.admitted(start);
  auto f = fails(fault::status, 429);
  f.retry_after = 61s;
  const auto out = m.failed(1, f, start);
  CHECK(only<end>(out).why->code == errc::upstream_error);
}

TEST_CASE("the fallback models come in order, each with its own attempts") {
  run_machine m(plan(1, 3));
  std::vector<std::string> asked;
  auto out = m.admitted(start);
  while (const auto* call = find<call_model>(out)) {
    asked.push_back(call->request->model);
    out = m.failed(call->call, fails(fault::connect), start);
    if (const auto* w = find<pause_command>(out)) {
      CHECK((w->pause == 0ms) == (asked.size() % 2 == 0)); // a fallback is asked at once
      out = m.retry_due(start);
    }
  }
  CHECK(asked == std::vector<std::string>{"upstream-0", "upstream-0", "upstream-1", "upstream-1",
                                          "upstream-2", "upstream-2"});
  CHECK(only<end>(out).how == store::ending::failed);
}

TEST_CASE("a time-out is not tried again, but a fallback is") {
  run_machine m(plan(2, 2));
  (void)m.admitted(start);
  CHECK(only<pause_command>(m.failed(1, fails(fault::timeout), start)).pause == 0ms);
  CHECK(only<call_model>(m.retry_due(start)).model->name == "model-1");
  CHECK(only<end>(m.failed(2, fails(fault::timeout), start)).why->code == errc::upstream_timeout);
}

TEST_CASE("a model's own figures hold where the agent gives none") {
  auto p = plan();
  p.models[0].max_tokens = 10;
  p.models[0].temperature = 0.5;
  p.temperature = 0.1;
  run_machine m(p);
  const auto out = m.admitted(start);
  const auto& request = *only<call_model>(out).request;
  CHECK(request.max_tokens == 10);
  CHECK(request.temperature == 0.1);
}

// -- outputs ----------------------------------------------------------------------

TEST_CASE("an output is the object that the content is or holds in a fence, else a message") {
  CHECK(output_of("{\"a\": 1}") == "{\"a\":1}");
  CHECK(output_of(" \n{\"a\": 1}\n ") == "{\"a\":1}");
  CHECK(output_of("```json\n{\"a\": 1}\n```") == "{\"a\":1}");
  CHECK(output_of("Here it is:\n```json\n{\"a\": 1}\n```\nAnything else?") == "{\"a\":1}");
  CHECK(output_of("```\n{\"a\": 1}\n```") == "{\"a\":1}");
  CHECK(output_of("```json {\"a\": 1} ```") == "{\"a\":1}");
  CHECK(output_of("```json\n{\"a\": 1}\n```\nOr, in short: ```a```") == "{\"a\":1}");
  CHECK(output_of("```json\n{\"code\": \"```sh```\"}\n```") == "{\"code\":\"```sh```\"}");
  CHECK(output_of("[1]") == "{\"message\":\"[1]\"}");
  CHECK(output_of("plain \"text\"") == "{\"message\":\"plain \\\"text\\\"\"}");
  CHECK(output_of("") == "{\"message\":\"\"}");
  CHECK(output_of("{\"a\": 1") == "{\"message\":\"{\\\"a\\\": 1\"}");
  CHECK(output_of("```json\n{\"a\": 1}") == "{\"message\":\"```json\\n{\\\"a\\\": 1}\"}");
  CHECK(object_in("```json\n{\"a\": 1}\n```") == json{{"a", 1}});
  CHECK(object_in("prose").is_null());
}

TEST_CASE("an output that breaks its schema is sent back once with the complaint") {
  run_machine m(with_schema(plan()));
  auto out = m.admitted(start);
  CHECK(only<call_model>(out).request->response_schema);
  out = m.completed(1, says("{\"n\":\"one\"}", 5), start);
  REQUIRE(out.size() == 2);
  CHECK(find<checkpoint>(out)->tokens == 5);
  const auto& again = find<call_model>(out)->request->messages;
  REQUIRE(again.size() == 3);
  CHECK(again[1].content == "{\"n\":\"one\"}");
  CHECK(again[2].from == chat_message::role::user);

  SECTION("a right one completes the run") {
    const auto last = m.completed(2, says("{\"n\":1}", 6), start);
    CHECK(only<end>(last).how == store::ending::completed);
    CHECK(only<end>(last).output_json == "{\"n\":1}");
    CHECK(only<end>(last).tokens == 11);
  }
  SECTION("a second wrong one fails it") {
    const auto last = m.completed(2, says("prose", 6), start);
    CHECK(only<end>(last).how == store::ending::failed);
    CHECK(only<end>(last).why->message.find("output_schema") != std::string::npos);
    CHECK(only<end>(last).tokens == 11);
  }
}

// -- tools ------------------------------------------------------------------------

TEST_CASE("results of tools are fed back under the ids of their calls") {
  run_machine m(with_tools(plan(), 5));
  (void)m.admitted(start);
  auto answer = calls_tool();
  answer.tool_calls.push_back({"call-b", "calculator", "{}"});
  auto out = m.completed(1, answer, start);
  CHECK(find<checkpoint>(out)->tokens == 7);
  REQUIRE(find<execute_tools>(out));
  CHECK(find<execute_tools>(out)->calls.size() == 2);
  out = m.tools_done({"2", "3"}, start);
  const auto& messages = only<call_model>(out).request->messages;
  REQUIRE(messages.size() == 4);
  CHECK(messages[1].tool_calls.size() == 2);
  CHECK(messages[2].tool_call_id == "call-a");
  CHECK(messages[3].tool_call_id == "call-b");
  CHECK(messages[3].content == "3");
}

TEST_CASE("a run makes one provider call more than it has rounds of tools") {
  run_machine m(with_tools(plan(), 3));
  auto out = m.admitted(start);
  int calls = 0;
  while (const auto* call = find<call_model>(out)) {
    ++calls;
    out = m.completed(call->call, calls_tool(), start);
    if (find<execute_tools>(out))
      out = m.tools_done({"2"}, start);
  }
  CHECK(calls == 4);
  CHECK(only<end>(out).how == store::ending::failed);
  CHECK(only<end>(out).tokens == 28);
}

TEST_CASE("a chat at the limit of its tool rounds ends with tool_calls") {
  run_machine m(as_chat(with_tools(plan(), 0)));
  (void)m.admitted(start);
  auto answer = calls_tool();
  answer.content = "Let me see";
  const auto out = m.completed(1, answer, start);
  CHECK(only<end>(out).how == store::ending::completed);
  CHECK(only<end>(out).finish == finish_reason::tool_calls);
  CHECK(only<end>(out).content == "Let me see");
}

TEST_CASE("attempts are counted anew after a round of tools") {
  run_machine m(with_tools(plan(1), 5));
  (void)m.admitted(start);
  (void)m.failed(1, fails(fault::connect), start);
  (void)m.retry_due(start);
  (void)m.completed(2, calls_tool(), start);
  m.delta_delivered();
  (void)m.tools_done({"2"}, start);
  CHECK(find<pause_command>(m.failed(3, fails(fault::connect), start)));
}

TEST_CASE("arguments that are no JSON are not sent back to the provider") {
  run_machine m(with_tools(plan(), 5));
  (void)m.admitted(start);
  auto out = m.completed(1, calls_tool("{\"expr"), start);
  CHECK(find<execute_tools>(out)->calls[0].arguments == "{\"expr");
  out = m.tools_done({"{\"error\": \"no JSON\"}"}, start);
  CHECK(only<call_model>(out).request->messages[1].tool_calls[0].arguments == "{}");
}

// -- stops ------------------------------------------------------------------------

TEST_CASE("a cancelled run carries what was checkpointed, whatever is under way") {
  run_machine m(with_tools(plan(), 5));
  (void)m.admitted(start);
  (void)m.completed(1, calls_tool("{}", 7), start);
  (void)m.tools_done({"2"}, start);
  const auto out = m.cancel();
  REQUIRE(out.size() == 2);
  CHECK(find<drop_call>(out)->call == 2);
  CHECK(find<end>(out)->how == store::ending::cancelled);
  CHECK(find<end>(out)->tokens == 7);
  CHECK(m.failed(2, fails(fault::cancelled, 0, 100), start).empty());
}

TEST_CASE("the tokens of failed attempts are checkpointed and counted") {
  run_machine m(plan(2));
  (void)m.admitted(start);
  CHECK(find<checkpoint>(m.failed(1, fails(fault::cut, 0, 4), start))->tokens == 4);
  (void)m.retry_due(start);
  CHECK(only<end>(m.completed(2, says("ok", 5), start)).tokens == 9);
}

TEST_CASE("at the deadline the call is dropped, and its tokens still count") {
  run_machine m(plan());
  (void)m.admitted(start);
  CHECK(only<drop_call>(m.deadline()).call == 1);
  CHECK(m.deadline().empty());
  CHECK(m.client_left().empty());
  const auto out = m.failed(1, fails(fault::cancelled, 0, 4), start + 1min);
  CHECK(only<end>(out).how == store::ending::failed);
  CHECK(only<end>(out).why->code == errc::upstream_timeout);
  CHECK(only<end>(out).tokens == 4);
}

TEST_CASE("a provider that does not even answer a cancel keeps nobody: its prompt is estimated") {
  run_machine m(as_chat(plan()));
  (void)m.admitted(start);
  (void)m.client_left();
  CHECK(m.dropping());
  const auto out = m.drop_overdue();
  CHECK(only<end>(out).how == store::ending::cancelled);
  CHECK(only<end>(out).tokens == 2); // "12345678"
  CHECK(m.completed(1, says("late"), start).empty());
}

TEST_CASE("a client that leaves between two attempts ends the chat at once") {
  run_machine m(as_chat(plan()));
  (void)m.admitted(start);
  (void)m.failed(1, fails(fault::cut, 0, 4), start);
  const auto out = m.client_left();
  CHECK(only<end>(out).how == store::ending::cancelled);
  CHECK(only<end>(out).tokens == 4);
  CHECK(m.retry_due(start).empty());
}

TEST_CASE("each call gets the time that is left") {
  run_machine m(plan());
  CHECK(only<call_model>(m.admitted(start)).deadline == 60s);
  (void)m.failed(1, fails(fault::connect), start + 10s);
  CHECK(only<call_model>(m.retry_due(start + 20s)).deadline == 40s);
}
