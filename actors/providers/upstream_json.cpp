#include "actors/providers/upstream_json.hpp"

#include "actors/providers/utf8_assembler.hpp"

#include <algorithm>
#include <cctype>

namespace ares {
namespace {

constexpr int depth_max = 64;

bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      at += c == '\\';
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max)
        return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// -- bytes in disguise --------------------------------------------------------
// The JSON parser takes valid UTF-8 only. A byte that is none travels through it as two of the 32
// noncharacters U+FDD0..U+FDEF, which Unicode reserves for such internal use: high half, low half.

constexpr std::string_view disguise_lead = "\xEF\xB7"; // of U+FDC0..U+FDFF
constexpr unsigned char disguise_high = 0x90, disguise_low = 0xA0;

void append_disguised(std::string& to, unsigned char byte) {
  (to += disguise_lead) += static_cast<char>(disguise_high + (byte >> 4));
  (to += disguise_lead) += static_cast<char>(disguise_low + (byte & 15));
}

/// The byte that is in disguise at the beginning of `text`.
std::optional<char> disguised(std::string_view text) {
  if (text.size() < 6 || text.substr(0, 2) != disguise_lead || text.substr(3, 2) != disguise_lead)
    return std::nullopt;
  const unsigned high = static_cast<unsigned char>(text[2]) - disguise_high;
  const unsigned low = static_cast<unsigned char>(text[5]) - disguise_low;
  if (high > 15 || low > 15)
    return std::nullopt;
  return static_cast<char>(high << 4 | low);
}

// -- repair -------------------------------------------------------------------

/// The code unit of the escape `\uXXXX` at the beginning of `text`.
std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u')
    return std::nullopt;
  unsigned unit = 0;
  for (char c : text.substr(2, 4)) {
    if (!std::isxdigit(static_cast<unsigned char>(c)))
      return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return unit;
}

/// One step through an escape sequence: how long it is, and what to write for it.
std::size_t repair_escape(std::string_view rest, std::string& to) {
  const auto first = escaped_unit(rest);
  if (!first || *first < 0xD800 || *first > 0xDFFF) {
    to += rest.substr(0, 2);
    return std::min<std::size_t>(2, rest.size());
  }
  const auto second = escaped_unit(rest.substr(6));
  if (*first < 0xDC00 && second && *second >= 0xDC00 && *second <= 0xDFFF) {
    to += rest.substr(0, 12);
    return 12;
  }
  to += "\\ufffd";
  return 6;
}

std::string repaired(std::string_view rest) {
  std::string result;
  result.reserve(rest.size() + 64);
  while (!rest.empty()) {
    const auto next = first_utf8_sequence(rest);
    std::size_t length = next.length;
    if (rest.front() == '\\')
      length = repair_escape(rest, result);
    else if (next.what == utf8_sequence::kind::valid)
      result += rest.substr(0, length);
    else
      for (unsigned char byte : rest.substr(0, length))
        append_disguised(result, byte);
    rest.remove_prefix(length);
  }
  return result;
}

} // namespace

std::string upstream_json::text(const json& value) const {
  if (!value.is_string())
    return {};
  const auto& bytes = value.get_ref<const std::string&>();
  if (!shielded)
    return bytes;
  std::string result;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto byte = disguised(rest);
    result += byte ? *byte : rest.front();
    rest.remove_prefix(byte ? 6 : 1);
  }
  return result;
}

std::optional<upstream_json> parse_upstream_json(std::string_view text) {
  if (too_deep(text))
    return std::nullopt;
  upstream_json parsed{json::parse(text, nullptr, false), false};
  if (parsed.root.is_discarded())
    parsed = {json::parse(repaired(text), nullptr, false), true};
  if (parsed.root.is_discarded())
    return std::nullopt;
  return parsed;
}

const json& member(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

} // namespace ares
