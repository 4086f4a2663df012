// A node without its outside: the tests play the store, the provider, the clients and the clock.
#pragma once

#include "actors/client.hpp"
#include "actors/services.hpp"
#include "tests/actors/provider_fixture.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ares::tests {

using namespace std::chrono_literals;

// -- time -----------------------------------------------------------------------

/// Rings when the test says so.
class manual_alarms : public alarms {
public:
  ticket set(time when, alarm_listener who) override {
    ticket t{when, ++next_};
    waiting.emplace(t, std::move(who));
    return t;
  }
  void cancel(const ticket& t) override { waiting.erase(t); }

  /// Whether any was due.
  bool ring(time now) {
    bool rang = false;
    while (!waiting.empty() && waiting.begin()->first.first <= now) {
      auto due = waiting.extract(waiting.begin());
      caf::anon_send(due.mapped(), alarm_rang{});
      rang = true;
    }
    return rang;
  }

  std::map<ticket, alarm_listener> waiting;

private:
  std::uint64_t next_ = 0;
};

// -- clients --------------------------------------------------------------------

/// Writes down what it is told.
class test_client : public client {
public:
  [[nodiscard]] std::uint64_t id() const noexcept override { return id_; }
  void answer(outcome o) override { answers.push_back(std::move(o)); }
  void begin_stream(const std::optional<limit_state>&) override { ++streams; }
  void event(std::string text) override { events.push_back(std::move(text)); }
  void keep_alive() override { ++comments; }
  void end_stream() override { ended = true; }
  void bind(client_listener l) override { listener = std::move(l); }

  /// The connection took the event that is under way.
  void takes_event() { caf::anon_send(listener, event_written{id_}); }
  void leaves() { caf::anon_send(listener, client_gone{id_}); }

  /// The code of the only answer; nothing if it is no error.
  [[nodiscard]] std::optional<errc> refusal() const {
    if (answers.size() != 1 || !answers[0].failure)
      return std::nullopt;
    return answers[0].failure->code;
  }
  /// Of the only answer; null where there is none.
  [[nodiscard]] json body() const {
    return answers.size() == 1 ? json::parse(answers[0].body, nullptr, false) : json();
  }

  std::vector<outcome> answers;
  std::vector<std::string> events;
  int streams = 0, comments = 0;
  bool ended = false;
  client_listener listener;

private:
  static inline std::uint64_t last_id = 0;
  std::uint64_t id_ = ++last_id;
};

// -- the store ------------------------------------------------------------------

inline store::reply text_reply(std::string text) {
  store::reply r;
  r.type = store::reply::kind::text;
  r.text = std::move(text);
  return r;
}

inline store::reply array_reply(std::vector<store::reply> items) {
  store::reply r;
  r.type = store::reply::kind::array;
  r.items = std::move(items);
  return r;
}

inline store::reply number_reply(std::int64_t n) {
  store::reply r;
  r.type = store::reply::kind::integer;
  r.integer = n;
  return r;
}

inline store::reply words(const std::vector<std::string>& texts) {
  std::vector<store::reply> items;
  for (const auto& t : texts)
    items.push_back(text_reply(t));
  return array_reply(std::move(items));
}

inline store::answer answered(store::reply r) {
  return {store::fate::done, std::move(r)};
}
inline store::answer lost(store::fate what) {
  return {what, {}};
}

/// OK, when it started, what is left of the day's requests and of the month's tokens.
inline store::reply admitted_reply() {
  return array_reply(
      {text_reply("OK"), number_reply(1773411720000), number_reply(9), number_reply(999)});
}

/// What the store usually says to an operation.
inline store::reply usual_reply(const std::vector<std::string>& operation) {
  const auto& name = operation.at(0);
  if (name == "admit")
    return admitted_reply();
  if (name == "settle")
    return words({"OK", operation[1]});
  if (name == "check" && operation.at(5) == "run")
    return words({"OK", "", ""});
  return words({"OK"});
}

// -- the node -------------------------------------------------------------------

/// Remembers what it was asked.
struct fake_provider {
  std::vector<provider_call> calls;
  std::vector<provider_credit> credits;
  std::vector<provider_cancel> cancels;

  void says(std::string text, std::size_t call = 0) {
    const auto& c = call == 0 ? calls.back() : calls[call - 1];
    caf::anon_send(c.listener, completion_delta{c.call, std::move(text)});
  }
  void completes(std::string content, std::int64_t tokens = 5) {
    completion c;
    c.content = std::move(content);
    c.tokens = tokens;
    completes(std::move(c));
  }
  void completes(completion c) {
    caf::anon_send(calls.back().listener, completion_done{calls.back().call, std::move(c)});
  }
  void fails(completion_failure::kind what, std::int64_t tokens = 0) {
    completion_failure f;
    f.what = what;
    f.tokens = tokens;
    f.message = "It failed";
    caf::anon_send(calls.back().listener, completion_failed{calls.back().call, f});
  }
  [[nodiscard]] std::int64_t credit() const {
    std::int64_t sum = 0;
    for (const auto& c : credits)
      sum += c.more;
    return sum;
  }
};

/// Deterministic: everything happens in `run` and `pass`.
class actor_fixture : public provider_fixture {
public:
  actor_fixture() {
    auto conf = std::make_shared<node_settings>();
    conf->conf.models["m"] = {"m", "sim", "upstream", {}, {}, {}};
    conf->conf.tiers["free"] = {};
    conf->providers["sim"] = keep_alive(spawn_provider());
    settings = conf;
    auto n = std::make_shared<node_services>();
    n->settings = std::make_shared<shared_value<node_settings>>(conf);
    n->clock = clock;
    n->ids = std::make_shared<id_generator>([c = clock] { return c->now_ms(); });
    n->incarnation = std::make_shared<shared_value<incarnation_id>>(
        std::make_shared<incarnation_id>(n->ids->make<incarnation_id>()));
    n->counters = std::make_shared<node_counters>();
    n->status = std::make_shared<node_status>();
    n->wake_ups = wake_ups;
    n->recorder = keep_alive(spawn_recorder_double());
    node = n;
    tenant = n->ids->make<tenant_id>();
  }
  /// Ends all actors, while what they refer to is still there: every bench calls it in its
  /// destructor.
  void stop() {
    for (auto& actor : std::exchange(started, {}))
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    wake_ups->waiting.clear();
    run();
  }

  template <class Handle> Handle keep_alive(Handle actor) {
    started.push_back(caf::actor_cast<caf::strong_actor_ptr>(actor));
    return actor;
  }

  /// Lets time pass; alarms ring and what they cause happens on the way.
  void pass(std::chrono::milliseconds time, std::chrono::milliseconds step = 10ms) {
    for (auto gone = step; gone <= time; gone += step) {
      scheduler.advance_time(step);
      scheduler.run();
      while (wake_ups->ring(now()))
        scheduler.run();
    }
  }
  std::chrono::steady_clock::time_point now() { return scheduler.clock().now(); }

  // -- the store, as the recorder's callers see it --------------------------------

  /// Answers a command; nothing: it stays in `held`.
  std::function<std::optional<store::answer>(const store_command&)> on_command;
  std::vector<store_command> commands, held;

  void answer(const store_command& c, store::answer a) {
    caf::anon_send(c.listener, store_result{c.tag, std::move(a)});
    run();
  }

  std::shared_ptr<store_clock> clock = std::make_shared<store_clock>();
  std::shared_ptr<manual_alarms> wake_ups = std::make_shared<manual_alarms>();
  std::shared_ptr<node_settings> settings;
  fake_provider provider;
  services node;
  tenant_id tenant;

private:
  provider_actor spawn_provider() {
    return system.spawn([this]() -> provider_actor::behavior_type {
      return {
          [this](const provider_call& c) { provider.calls.push_back(c); },
          [this](const provider_credit& c) { provider.credits.push_back(c); },
          [this](const provider_cancel& c) { provider.cancels.push_back(c); },
      };
    });
  }
  recorder_actor spawn_recorder_double() {
    return system.spawn([this]() -> recorder_actor::behavior_type {
      return {[this](const store_command& c) {
        commands.push_back(c);
        auto a = on_command ? on_command(c) : std::nullopt;
        if (a)
          caf::anon_send(c.listener, store_result{c.tag, std::move(*a)});
        else
          held.push_back(c);
      }};
    });
  }
};

// -- batches --------------------------------------------------------------------

inline bool is_script(const store_command& c, const char* name) {
  return c.what.run && c.what.run->name == name;
}
inline bool is_batch(const store_command& c) {
  return is_script(c, "batch") || is_script(c, "batch_ending");
}

/// The operations that a batch carries, each with its name first.
inline std::vector<std::vector<std::string>> operations_of(const store_command& c) {
  static const std::map<std::string, std::size_t> length{
      {"admit", 16}, {"progress", 3}, {"finish", 6}, {"settle", 5}, {"check", 8}};
  std::vector<std::vector<std::string>> all;
  const auto& a = c.what.arguments;
  for (auto i = c.what.keys + 1; i < a.size(); i += length.at(a[i]))
    all.emplace_back(a.begin() + static_cast<std::ptrdiff_t>(i),
                     a.begin() + static_cast<std::ptrdiff_t>(i + length.at(a[i])));
  return all;
}

/// The batch's answer, with `reply_to` for each of its operations.
inline store::answer batch_answer(
    const store_command& c,
    const std::function<store::reply(const std::vector<std::string>&)>& reply_to = usual_reply) {
  std::vector<store::reply> items{number_reply(1773411720000)};
  for (const auto& operation : operations_of(c))
    items.push_back(reply_to(operation));
  return answered(array_reply(std::move(items)));
}

} // namespace ares::tests
