// What the JSON functions share about strings and white space. Internal to conf/json*.cpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ares::json_text {

[[nodiscard]] constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Inside a string: needs no look (printable ASCII but for the quote and the backslash).
[[nodiscard]] constexpr bool is_plain(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/// The first character from `at` that is not plain, or `end`. Eight bytes a step.
[[nodiscard]] inline const char* skip_plain(const char* at, const char* end) noexcept {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  // "Has a zero byte", as in Bit Twiddling Hacks: exact up to and including the lowest hit.
  const auto zero = [](std::uint64_t v) { return (v - ones) & ~v; };
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const auto control = (word - ones * 0x20) & ~word;
    const auto hit =
        (control | zero(word ^ ones * '"') | zero(word ^ ones * '\\') | word) & tops;
    if (hit != 0)
      return at + std::countr_zero(hit) / 8;
    at += 8;
  }
  while (at != end && is_plain(*at))
    ++at;
  return at;
}

/// The value of four hexadecimal digits at `at`, of which `end` must leave room; -1 if they are not.
[[nodiscard]] int four_hex(const char* at, const char* end) noexcept;

/// The content of a valid JSON string (without its quotes) with its escapes resolved.
[[nodiscard]] std::string unescape(std::string_view raw);

} // namespace ares::json_text
