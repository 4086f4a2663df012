#include "store/trouble_log.hpp"

#include "conf/log.hpp"
#include "store/redis_replies.hpp"

#include <utility>

namespace ares::store {

namespace {
constexpr auto error_pause = std::chrono::seconds(1);
constexpr std::size_t error_bytes_max = 300;
} // namespace

void trouble_log::away(std::string_view why, std::string_view known_by) {
  if (known_ == known_by)
    return;
  known_ = known_by;
  log::warn("the store does not serve", {{"reason", why}});
}

void trouble_log::command_failed(const command& c, std::string_view error_text) {
  const auto now = monotonic::now();
  if (now < next_error_) {
    ++not_logged_;
    return;
  }
  next_error_ = now + error_pause;
  std::string_view name, said = error_text.substr(0, error_bytes_max);
  if (c.run) {
    name = c.run->name;
  } else {
    said = error_code(error_text); // the rest may quote the arguments of a plain command
    if (!c.arguments.empty())
      name = c.arguments.front();
  }
  log::error("the store answered with an error",
             {{"command", name},
              {"error", said},
              {"not_logged_before", std::to_string(std::exchange(not_logged_, 0))}});
}

} // namespace ares::store
