// CLUSTER: this node's heartbeat in the store, and the end of what dead nodes left open.
// It carries no correctness: the fence and the scripts do.
#pragma once

#include "actors/services.hpp"

#include <caf/all.hpp>

#include <string>

namespace ares {

struct cluster_options {
  std::string description; // JSON: what /api/admin/nodes shows
  bool store_is_private =
      false; // then no other node can be alive: older incarnations are ended at once
};

using cluster_actor = caf::typed_actor<
    // the answer to a beat or to one of the reaper's commands
    caf::reacts_to<store_result>,
    // time for a beat
    caf::reacts_to<alarm_rang>>;

[[nodiscard]] cluster_actor spawn_cluster(caf::actor_system& system, services node,
                                          cluster_options options);

} // namespace ares
