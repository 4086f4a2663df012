#include "conf/ids.hpp"

#include "conf/random.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ares {
namespace {

constexpr std::size_t text_size = 36;
constexpr char digits[] = "0123456789abcdef";

constexpr bool hyphen_at(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

/// -1: not a lower-case hexadecimal digit.
constexpr int digit_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

} // namespace

std::string uuid::text() const {
  std::string out(text_size, '-');
  std::size_t i = 0;
  for (const auto byte : bytes) {
    if (hyphen_at(i))
      ++i;
    out[i++] = digits[byte >> 4];
    out[i++] = digits[byte & 15];
  }
  return out;
}

std::int64_t uuid::unix_ms() const noexcept {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i)
    ms = ms << 8 | bytes[i];
  return ms;
}

std::optional<uuid> uuid::parse(std::string_view text) noexcept {
  if (text.size() != text_size)
    return std::nullopt;
  uuid out;
  std::size_t i = 0;
  for (auto& byte : out.bytes) {
    if (hyphen_at(i) && text[i++] != '-')
      return std::nullopt;
    const int high = digit_value(text[i++]);
    const int low = digit_value(text[i++]);
    if (high < 0 || low < 0)
      return std::nullopt;
    byte = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

id_generator::id_generator(std::function<std::int64_t()> now_ms) : now_ms_(std::move(now_ms)) {}

uuid id_generator::next() {
  const auto now = static_cast<std::uint64_t>(now_ms_()) << 12;
  uuid out;
  const std::lock_guard lock(mutex_);
  last_ = std::max(now, last_ + 1);
  if (random_left_ == 0) {
    fill_random(random_);
    random_left_ = random_.size();
  }
  random_left_ -= 8;
  std::memcpy(&out.bytes[8], &random_[random_left_], 8);
  for (std::size_t i = 0; i < 6; ++i)
    out.bytes[i] = static_cast<std::uint8_t>(last_ >> (52 - 8 * i));
  out.bytes[6] = static_cast<std::uint8_t>(0x70 | (last_ >> 8 & 0x0f)); // version 7
  out.bytes[7] = static_cast<std::uint8_t>(last_);
  out.bytes[8] = static_cast<std::uint8_t>(0x80 | (out.bytes[8] & 0x3f)); // variant 0b10
  return out;
}

} // namespace ares

std::size_t std::hash<ares::uuid>::operator()(const ares::uuid& u) const noexcept {
  std::uint64_t time = 0;
  std::uint64_t random = 0;
  std::memcpy(&time, &u.bytes[0], 8);
  std::memcpy(&random, &u.bytes[8], 8);
  return static_cast<std::size_t>(random ^ (time * 0x9e3779b97f4a7c15));
}
