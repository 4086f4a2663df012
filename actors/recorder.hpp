// RECORDER: the seam to store/. Pipelines commands, turns completions into messages.
#pragma once

#include "store/redis.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <memory>

namespace ares {

/// The answer to a command or an operation, under the tag its sender gave.
struct store_result {
  std::uint64_t tag;
  store::answer value;
  bool sent_before = false; // an operation that was sent again: the store may have seen it before
};
using store_listener = caf::typed_actor<caf::reacts_to<store_result>>;

struct store_command {
  std::uint64_t tag;
  store::command what;
  store_listener listener;
};

using recorder_actor = caf::typed_actor<
    // sends the command; exactly one store_result follows, by the command's deadline
    caf::reacts_to<store_command>>;

/// `connection` must outlive the actor.
[[nodiscard]] recorder_actor spawn_recorder(caf::actor_system& system,
                                            std::shared_ptr<store::redis> connection);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::store_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::store_command)
