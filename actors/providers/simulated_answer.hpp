// What the simulated provider says, and when: pure, without actor or clock.
#pragma once

#include "actors/providers/completion.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace ares {

/// `[simulated] ` and the last user message; where an answer of a certain form is asked for, a
/// small instance of that schema as JSON. Tools are never called. More than `max_tokens` is cut off
/// (finish `length`). `tokens` is the estimate of prompt and answer together.
[[nodiscard]] completion simulated_completion(const completion_request& request);

/// The bytes of the first `count` code points of `text`, or of all of it.
[[nodiscard]] std::size_t code_points_length(std::string_view text, std::size_t count) noexcept;

/// Whether the call number `sequence` of a provider fails: pseudo-random, the same at every start,
/// `rate` (0..1) of all calls.
[[nodiscard]] bool simulated_failure(std::uint64_t sequence, double rate) noexcept;

/// When each token of an answer is said. Every time is reckoned from the start, so errors never add
/// up.
class token_pace {
public:
  using duration = std::chrono::nanoseconds;

  /// `tokens_per_second` 0: all at once after `latency`.
  token_pace(duration latency, double tokens_per_second) noexcept
      : latency_(latency), rate_(tokens_per_second) {}

  /// When the token `index` (from 0) is due, since the start of the call.
  [[nodiscard]] duration due(std::int64_t index) const noexcept;
  /// How many of `total` tokens are due by `elapsed`. Agrees with `due` to the nanosecond.
  [[nodiscard]] std::int64_t tokens_by(duration elapsed, std::int64_t total) const noexcept;

private:
  duration latency_;
  double rate_;
};

} // namespace ares
