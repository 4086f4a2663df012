// Whoever waits for an answer, as the actors see it. http/ implements it; no actor knows HTTP.
#pragma once

#include "conf/result.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ares {

/// What a client is told of its limits; a figure without a value is unlimited.
struct limit_state {
  std::optional<std::int64_t> day_limit;
  std::optional<std::int64_t> day_left; // after this request
  std::int64_t day_reset_ms = 0;        // store time, unix ms
  std::optional<std::int64_t> tokens_left;
};

/// The answer to a request: JSON, or an error.
struct outcome {
  enum class success { ok, accepted, created, no_content };
  success how = success::ok;
  std::string body; // JSON; empty with no_content
  std::optional<error> failure;
  std::optional<limit_state> limits;
  std::string location;
  std::string allow;     // with method_not_allowed: the methods, separated by commas
  bool replayed = false; // Idempotent-Replayed
  std::optional<std::chrono::seconds> retry_after;

  [[nodiscard]] static outcome of(std::string json) {
    outcome o;
    o.body = std::move(json);
    return o;
  }
  [[nodiscard]] static outcome of(error e) {
    outcome o;
    o.failure = std::move(e);
    return o;
  }
  [[nodiscard]] static outcome of(errc code, std::string message) {
    return of(error{code, std::move(message)});
  }
};

/// An event of a stream was taken by the client's connection: room for another.
struct event_written {
  std::uint64_t client;
};
/// The client left, or takes nothing any more. At most once.
struct client_gone {
  std::uint64_t client;
};
using client_listener =
    caf::typed_actor<caf::reacts_to<event_written>, caf::reacts_to<client_gone>>;

/// Owed exactly one answer or one stream; dropped without either, it answers an error by itself.
/// Thread-safe. Shared by whoever passes the request on; what comes after the answer is dropped.
class client {
public:
  virtual ~client() = default;

  /// Unique in the process.
  [[nodiscard]] virtual std::uint64_t id() const noexcept = 0;

  virtual void answer(outcome o) = 0;

  // -- instead of an answer: a stream of events -------------------------------

  /// The head leaves with the first event or comment.
  virtual void begin_stream(const std::optional<limit_state>& limits) = 0;
  /// One line of JSON. `event_written` follows once the connection took it.
  virtual void event(std::string json) = 0;
  virtual void keep_alive() = 0;
  virtual void end_stream() = 0;

  /// From now on `listener` hears of written events and of the client's leaving (at once, if it
  /// left already).
  virtual void bind(client_listener listener) = 0;
};

using client_ptr = std::shared_ptr<client>;

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::event_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::client_gone)
