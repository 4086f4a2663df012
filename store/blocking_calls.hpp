// Redis for those who may wait: administration and tools. Never from a scheduler or HTTP thread.
#pragma once

#include "conf/result.hpp"
#include "store/redis.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ares::store {

/// Commands that may be executed twice: reads, and scripts that notice a repetition. A lost answer
/// is asked for again, a few times; so each call ends within about two seconds. Thread-safe.
/// Errors: store_unavailable (also where the outcome stays unknown), store_full, internal (logged).
class blocking_calls {
public:
  explicit blocking_calls(redis& connection) : redis_(connection) {}

  [[nodiscard]] result<reply> call(std::vector<std::string> arguments);
  /// `keys` and what stands behind them, for the script of that name.
  [[nodiscard]] result<reply> run(std::string_view script, std::vector<std::string> keys,
                                  std::vector<std::string> arguments);
  /// All of them in one go; one reply each, in order. All or none: the first error is the answer.
  [[nodiscard]] result<std::vector<reply>> call_all(std::vector<std::vector<std::string>> commands);

private:
  result<reply> settle(const command& c);
  redis& redis_;
};

/// The word a script answers with: the first text of its array; empty if it is not one.
[[nodiscard]] std::string_view word_of_script(const reply& r);
/// The element behind it, or "".
[[nodiscard]] std::string text_of_script(const reply& r, std::size_t index);

} // namespace ares::store
