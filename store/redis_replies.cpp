#include "store/redis_replies.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ares::store {

namespace {

std::optional<std::int64_t> number(const reply& r) {
  std::int64_t value = 0;
  const auto end = r.text.data() + r.text.size();
  if (std::from_chars(r.text.data(), end, value).ptr != end || r.text.empty())
    return std::nullopt;
  return value;
}

} // namespace

std::string_view error_code(std::string_view error_text) noexcept {
  return error_text.substr(0, error_text.find(' '));
}

bool is_unknown_script(std::string_view error_text) noexcept {
  return error_code(error_text) == "NOSCRIPT" || error_text.starts_with("ERR Function not found");
}

fate fate_of_error(std::string_view error_text) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array refusals{"LOADING"sv,    "READONLY"sv,    "MISCONF"sv,
                                       "MASTERDOWN"sv, "CLUSTERDOWN"sv, "NOREPLICAS"sv,
                                       "BUSY"sv,       "NOAUTH"sv,      "WRONGPASS"sv};
  const auto code = error_code(error_text);
  if (code == "OOM")
    return fate::full;
  if (is_unknown_script(error_text))
    return fate::unavailable;
  const bool refused = std::find(refusals.begin(), refusals.end(), code) != refusals.end();
  return refused ? fate::unavailable : fate::done;
}

std::optional<std::chrono::microseconds> time_of(const reply& r) {
  if (r.type != reply::kind::array || r.items.size() != 2)
    return std::nullopt;
  const auto seconds = number(r.items[0]), microseconds = number(r.items[1]);
  if (!seconds || !microseconds)
    return std::nullopt;
  return std::chrono::seconds(*seconds) + std::chrono::microseconds(*microseconds);
}

} // namespace ares::store
