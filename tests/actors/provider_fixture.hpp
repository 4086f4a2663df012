// A deterministic actor system with a virtual clock, and a listener that writes down what it hears.
#pragma once

#include "actors/providers/provider.hpp"

#include <caf/scheduler/test_coordinator.hpp>

#include <memory>
#include <string>
#include <vector>

namespace ares {

struct heard {
  std::vector<completion_delta> deltas;
  std::vector<completion_done> done;
  std::vector<completion_failed> failed;

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& delta : deltas)
      all += delta.text;
    return all;
  }
  [[nodiscard]] std::size_t ends() const { return done.size() + failed.size(); }
};

class provider_fixture {
public:
  struct testing_config : caf::actor_system_config {
    testing_config() { set("scheduler.policy", caf::atom("testing")); }
  };

  provider_fixture() { scheduler.advance_time(std::chrono::seconds(1)); }
  ~provider_fixture() {
    for (auto& actor : started)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    scheduler.run();
  }

  /// A listener that fills `into`.
  completion_listener listen(heard& into) {
    completion_listener listener = system.spawn([&into]() -> completion_listener::behavior_type {
      return {
          [&into](const completion_delta& delta) { into.deltas.push_back(delta); },
          [&into](const completion_done& done) { into.done.push_back(done); },
          [&into](const completion_failed& failed) { into.failed.push_back(failed); },
      };
    });
    started.push_back(caf::actor_cast<caf::strong_actor_ptr>(listener));
    return listener;
  }

  provider_actor keep(provider_actor provider) {
    started.push_back(caf::actor_cast<caf::strong_actor_ptr>(provider));
    return provider;
  }

  void run() { scheduler.run(); }
  /// Lets time pass in steps of `step`, so that what is set up on the way is due on time.
  void pass(std::chrono::milliseconds time,
            std::chrono::milliseconds step = std::chrono::milliseconds(1)) {
    for (auto gone = step; gone <= time; gone += step) {
      scheduler.advance_time(step);
      scheduler.run();
    }
  }

  testing_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::vector<caf::strong_actor_ptr> started;
};

/// A request with one user message.
inline completion_request user_says(std::string text, bool stream = false) {
  completion_request request;
  request.model = "some-model";
  request.messages.push_back({chat_message::role::user, std::move(text), {}, {}});
  request.stream = stream;
  return request;
}

} // namespace ares
