#include "store/redis_errors.hpp"

#include <algorithm>
#include <array>

namespace ares::store {

std::string_view error_code(std::string_view error_text) noexcept {
  return error_text.substr(0, error_text.find(' '));
}

fate fate_of_error(std::string_view error_text) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array refusals{"LOADING"sv,    "READONLY"sv,    "MISCONF"sv,
                                       "MASTERDOWN"sv, "CLUSTERDOWN"sv, "NOREPLICAS"sv,
                                       "BUSY"sv,       "NOAUTH"sv,      "WRONGPASS"sv};
  const auto code = error_code(error_text);
  if (code == "OOM")
    return fate::full;
  const bool refused = std::find(refusals.begin(), refusals.end(), code) != refusals.end();
  return refused ? fate::unavailable : fate::done;
}

} // namespace ares::store
