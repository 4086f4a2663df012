#include "conf/clock.hpp"

namespace ares {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::year_month_day;

using instant = std::chrono::sys_time<milliseconds>;

instant instant_of(std::int64_t unix_ms) {
  return instant{milliseconds{unix_ms}};
}

std::int64_t unix_ms_of(instant t) {
  return t.time_since_epoch().count();
}

std::int64_t monotonic_ms() {
  return std::chrono::duration_cast<milliseconds>(monotonic::now().time_since_epoch()).count();
}

/// `value` in at least two digits (four for a year), zero padded.
void append(std::string& out, long value, int width) {
  const auto text = std::to_string(value);
  out.append(width > static_cast<int>(text.size()) ? width - text.size() : 0, '0');
  out += text;
}

void append_day(std::string& out, std::chrono::sys_days day) {
  const year_month_day date{day};
  append(out, int{date.year()}, 4);
  out += '-';
  append(out, unsigned{date.month()}, 2);
  out += '-';
  append(out, unsigned{date.day()}, 2);
}

} // namespace

store_clock::store_clock()
    : offset_ms_(unix_ms_of(floor<milliseconds>(std::chrono::system_clock::now())) -
                 monotonic_ms()) {}

std::int64_t store_clock::now_ms() const noexcept {
  return monotonic_ms() + offset_ms_.load(std::memory_order_relaxed);
}

void store_clock::learn(std::int64_t redis_ms) noexcept {
  offset_ms_.store(redis_ms - monotonic_ms(), std::memory_order_relaxed);
}

std::string rfc3339(std::int64_t unix_ms) {
  const auto day = floor<days>(instant_of(unix_ms));
  const std::chrono::hh_mm_ss time{floor<seconds>(instant_of(unix_ms) - day)};
  std::string out;
  out.reserve(20);
  append_day(out, day);
  out += 'T';
  append(out, time.hours().count(), 2);
  out += ':';
  append(out, time.minutes().count(), 2);
  out += ':';
  append(out, time.seconds().count(), 2);
  out += 'Z';
  return out;
}

std::string utc_day(std::int64_t unix_ms) {
  std::string out;
  append_day(out, floor<days>(instant_of(unix_ms)));
  return out;
}

std::int64_t next_utc_day_ms(std::int64_t unix_ms) noexcept {
  return unix_ms_of(floor<days>(instant_of(unix_ms)) + days{1});
}

billing_period billing_period_of(std::int64_t unix_ms) noexcept {
  const year_month_day date{floor<days>(instant_of(unix_ms))};
  const auto month = date.year() / date.month();
  const std::chrono::sys_days first{month / 1};
  const std::chrono::sys_days next{(month + std::chrono::months{1}) / 1};
  return {unix_ms_of(first), unix_ms_of(next - seconds{1})};
}

} // namespace ares
