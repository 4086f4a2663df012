#include "actors/providers/utf8_assembler.hpp"

#include <algorithm>

namespace ares {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

} // namespace

utf8_sequence first_utf8_sequence(std::string_view text) noexcept {
  using kind = utf8_sequence::kind;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80)
    return {kind::valid, 1};
  if (lead < 0xC2 || lead > 0xF4)
    return {kind::invalid, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size())
      return {kind::incomplete, i};
    if (byte(i) < low || byte(i) > high)
      return {kind::invalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {kind::valid, length};
}

std::string utf8_assembler::push(std::string_view piece) {
  if (held_.empty() && is_ascii(piece))
    return std::string(piece);
  std::string text = std::move(held_);
  text += piece;
  held_.clear();
  std::string whole;
  whole.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const auto next = first_utf8_sequence(rest);
    if (next.what == utf8_sequence::kind::incomplete) {
      held_ = rest;
      break;
    }
    whole += next.what == utf8_sequence::kind::valid ? rest.substr(0, next.length) : replacement;
    rest.remove_prefix(next.length);
  }
  return whole;
}

std::string utf8_assembler::finish() {
  if (held_.empty())
    return {};
  held_.clear();
  return std::string(replacement);
}

std::string repaired_utf8(std::string_view text) {
  utf8_assembler assembler;
  auto whole = assembler.push(text);
  return whole += assembler.finish();
}

} // namespace ares
