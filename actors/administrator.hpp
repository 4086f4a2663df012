// ADMINISTRATOR: carries out administrative requests, a tenant's own changes of its keys among
// them. It may wait for the store, so each has a thread of its own; several share the work.
#pragma once

#include "actors/administration.hpp"
#include "actors/reply_duty.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace ares {

/// `actor` and `request_id` are for the audit log: `admin`, or `key:ID` of the acting key.
struct admin_message {
  admin_request request;
  std::string actor;
  std::string request_id;
  std::shared_ptr<reply_duty<admin_answer>> reply;
};

struct upkeep_is_due {};

using administrator_actor = caf::typed_actor<
    // answers through its reply duty
    caf::reacts_to<admin_message>,
    // finishes what was interrupted, and asks itself again after the interval
    caf::reacts_to<upkeep_is_due>>;

struct administrator_options {
  std::size_t count = 4;
  /// More requests under way than this are refused as overloaded.
  std::size_t requests_max = 256;
  std::chrono::milliseconds upkeep_interval{30000}; // 0: none
};

/// The administrators of a node. Thread-safe. Destruction (or `stop`) lets each finish what it
/// does; what waits is answered with the duty's fallback.
class administrators {
public:
  administrators(caf::actor_system& system, administration_parts parts,
                 administrator_options options = {});
  ~administrators();
  administrators(const administrators&) = delete;
  administrators& operator=(const administrators&) = delete;

  /// Never blocks.
  void ask(admin_message m);
  void stop();

private:
  struct worker {
    administrator_actor actor;
    std::shared_ptr<std::atomic<std::size_t>> under_way;
  };
  caf::actor_system& system_;
  const administrator_options options_;
  std::vector<worker> workers_;
};

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::admin_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::upkeep_is_due)
