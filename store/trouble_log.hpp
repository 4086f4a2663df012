// What a connection to Redis says in the log when things go wrong: bounded, and never an argument.
#pragma once

#include "store/redis.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ares::store {

/// For one thread.
class trouble_log {
public:
  /// The store does not serve. Said once, not at every attempt or command: a repetition is
  /// recognised by `known_by`.
  void away(std::string_view why, std::string_view known_by);
  /// It serves again: the next trouble is news.
  void back() { known_ = {}; }
  /// An error that is the command's own, a bug of ours or a foreign value: once a second.
  void command_failed(const command& c, std::string_view error_text);

private:
  std::string known_;
  monotonic::time_point next_error_;
  std::uint64_t not_logged_ = 0;
};

} // namespace ares::store
