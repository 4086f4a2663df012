// What every actor of a node is given: handles and shared values, wired by main.
#pragma once

#include "actors/admission_gate.hpp"
#include "actors/alarms.hpp"
#include "actors/key_keeper.hpp"
#include "actors/providers/provider.hpp"
#include "actors/recorder.hpp"
#include "conf/clock.hpp"
#include "conf/config.hpp"
#include "conf/ids.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace ares {

/// A value that is replaced as a whole, and read from any thread.
template <class T> class shared_value {
public:
  explicit shared_value(std::shared_ptr<const T> value) : value_(std::move(value)) {}
  [[nodiscard]] std::shared_ptr<const T> get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

/// What changes together on SIGHUP: the configuration and an actor for each of its providers.
struct node_settings {
  config conf;
  std::map<std::string, provider_actor> providers; // by name
};

/// Counters that /metrics shows and the drain waits for.
struct node_counters {
  std::atomic<std::int64_t> operations_live{0}; // runs and chats between admission and end
  std::atomic<std::int64_t> runs_started{0}, runs_completed{0}, runs_failed{0}, runs_cancelled{0};
  std::atomic<std::int64_t> chats_started{0}, tokens{0};
  std::atomic<std::int64_t> tenants_active{0};
  std::atomic<std::int64_t> ends_waiting{0}; // ends that are not in the store yet
};

/// Where the node stands in its life.
struct node_status {
  std::atomic<bool> registered{false}; // the store knows this incarnation: admissions can be taken
  std::atomic<bool> draining{false};
  std::atomic<bool> store_refuses{false}; // writes: read-only, loading, its disk fails
  std::atomic<bool> store_full{false};    // its memory: what is under way still ends
};

struct node_services {
  std::shared_ptr<shared_value<node_settings>> settings;
  std::shared_ptr<shared_value<incarnation_id>> incarnation;
  std::shared_ptr<store_clock> clock;
  std::shared_ptr<id_generator> ids;
  std::shared_ptr<node_counters> counters;
  std::shared_ptr<node_status> status;
  std::shared_ptr<alarms> wake_ups;
  std::shared_ptr<admission_gate> gate = std::make_shared<admission_gate>();
  recorder_actor recorder;
  key_keeper_actor keys;
};
using services = std::shared_ptr<const node_services>;

} // namespace ares
