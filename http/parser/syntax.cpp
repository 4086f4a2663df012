#include "http/parser/syntax.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ares::http {

namespace {

enum char_class : std::uint8_t { token = 1, value = 2, target = 4, host = 8 };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto add = [&classes](std::string_view chars, std::uint8_t bit) {
    for (const char c : chars)
      classes[static_cast<unsigned char>(c)] |= bit;
  };
  for (unsigned c = 0x20; c < 0x100; ++c)
    if (c != 0x7f)
      classes[c] |= value;
  classes['\t'] |= value;
  for (unsigned c = 0x21; c < 0x7f; ++c)
    if (std::string_view("\"#<>\\").find(static_cast<char>(c)) == std::string_view::npos)
      classes[c] |= target;
  constexpr std::string_view alphanumeric =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  add(alphanumeric, token | host);
  add("!#$%&'*+-.^_`|~", token);
  add("-._~!$&'()*+,;=", host); // unreserved and sub-delims; '%' is looked at apart
  return classes;
}

constexpr auto classes = make_classes();

bool is_all(std::string_view text, std::uint8_t bit) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [bit](char c) { return classes[static_cast<unsigned char>(c)] & bit; });
}

bool has_valid_escapes(std::string_view text) noexcept {
  for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 3)) {
    if (at + 2 >= text.size())
      return false;
    const auto high = hex_value(text[at + 1]);
    const auto low = hex_value(text[at + 2]);
    if (!high || !low || *high + *low == 0)
      return false;
  }
  return true;
}

bool is_port(std::string_view text) noexcept {
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9')
      return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
    if (port > 65535)
      return false;
  }
  return true;
}

bool is_ip_literal(std::string_view text) noexcept {
  const auto inner = text.substr(1, text.size() - 2);
  return inner.find(':') != inner.npos && std::all_of(inner.begin(), inner.end(), [](char c) {
           return hex_value(c) || c == ':' || c == '.';
         });
}

bool is_reg_name(std::string_view text) noexcept {
  for (const char c : text)
    if (c != '%' && !(classes[static_cast<unsigned char>(c)] & host))
      return false;
  return has_valid_escapes(text);
}

void skip_blanks(std::string_view& text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
}

bool take_token(std::string_view& text) noexcept {
  std::size_t length = 0;
  while (length < text.size() && is_token_char(text[length]))
    ++length;
  text.remove_prefix(length);
  return length > 0;
}

bool take_quoted_string(std::string_view& text) noexcept {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      text.remove_prefix(at + 1);
      return true;
    }
    if (text[at] == '\\')
      ++at;
    if (at >= text.size() || !is_field_value(text.substr(at, 1)))
      return false;
  }
  return false;
}

} // namespace

bool is_token_char(char c) noexcept {
  return classes[static_cast<unsigned char>(c)] & token;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && is_all(text, token);
}

bool is_field_value(std::string_view text) noexcept {
  return is_all(text, value);
}

bool is_target_text(std::string_view text) noexcept {
  return is_all(text, target) && has_valid_escapes(text);
}

bool is_authority(std::string_view text) noexcept {
  std::size_t host_end = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  if (bracket != text.npos && (host_end == text.npos || host_end < bracket))
    host_end = text.npos;
  const auto name = text.substr(0, host_end);
  if (host_end != text.npos && !is_port(text.substr(host_end + 1)))
    return false;
  if (name.size() > 2 && name.front() == '[' && name.back() == ']')
    return is_ip_literal(name);
  return !name.empty() && is_reg_name(name);
}

bool is_chunk_extension(std::string_view text) noexcept {
  while (!text.empty()) {
    skip_blanks(text);
    if (text.empty() || text.front() != ';')
      return false;
    text.remove_prefix(1);
    skip_blanks(text);
    if (!take_token(text))
      return false;
    auto behind = text;
    skip_blanks(behind);
    if (behind.empty() || behind.front() != '=')
      continue;
    text = behind.substr(1);
    skip_blanks(text);
    if (text.empty() || !(text.front() == '"' ? take_quoted_string(text) : take_token(text)))
      return false;
  }
  return true;
}

std::optional<unsigned> hex_value(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return std::nullopt;
}

std::string_view trim_blanks(std::string_view text) noexcept {
  skip_blanks(text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [&lower](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> next_list_element(std::string_view& list) noexcept {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto element = trim_blanks(list.substr(0, comma));
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    if (!element.empty())
      return element;
  }
  return std::nullopt;
}

} // namespace ares::http
