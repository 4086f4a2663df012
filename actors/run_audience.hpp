// Who listens to a run while it goes on: streams that follow it, and requests that wait for its
// end.
#pragma once

#include "actors/client.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ares {

/// Followers of a text that grows. Each has at most one event under way; what is said meanwhile
/// becomes its next event, so a slow reader costs no memory of its own and nobody else any time.
/// One that falls further behind than `limits::stream_buffer_bytes_max` misses the start of what it
/// has not read.
///
/// Not thread-safe: a part of one actor's state.
class run_audience {
public:
  /// `history_bytes` of what everyone has been told are kept for those who come later.
  explicit run_audience(std::size_t history_bytes) : history_bytes_(history_bytes) {}

  /// From now on the client follows; what was said so far comes first, as one event.
  void follow(client_ptr c);
  /// The text grew.
  void said(std::string_view more);
  /// Starts over at `length` (a failed attempt is repeated). Only if nobody was told more.
  void rewind(std::size_t length);
  /// The client took an event.
  void written(std::uint64_t client);
  void left(std::uint64_t client);
  /// Sends a comment to followers that have no event under way.
  void keep_alive();
  /// The last event for everyone: what is left of the text, then `last_event`.
  void end(const std::string& last_event);

  [[nodiscard]] bool empty() const noexcept { return followers_.empty(); }
  [[nodiscard]] std::size_t length() const noexcept { return dropped_ + text_.size(); }

private:
  struct follower {
    client_ptr who;
    std::size_t told = 0; // how much of the text it was sent
    bool busy = false;    // an event of it is under way
  };
  void tell(follower& f);
  void forget();

  std::size_t history_bytes_;
  std::string text_;        // its last part
  std::size_t dropped_ = 0; // how much was said before that
  std::map<std::uint64_t, follower> followers_;
};

/// `{"delta": ..., "finish_reason": null}`
[[nodiscard]] std::string delta_event(std::string_view text);

} // namespace ares
