#include "conf/json.hpp"

#include "conf/json_text.hpp"
#include "conf/utf8.hpp"

#include <algorithm>

namespace ares {
namespace json_text {
namespace {

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

/// What the escape \c stands for; \u aside.
char simple_escape(char c) {
  switch (c) {
  case 'b': return '\b';
  case 'f': return '\f';
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return c;
  }
}

/// Behind the `u` of an escape at `at`: appends its character, a pair of surrogates as one, and
/// returns what follows; `end` if it is none after all.
const char* append_unicode_escape(std::string& out, const char* at, const char* end) {
  int unit = four_hex(at, end);
  if (unit < 0)
    return end;
  at += 4;
  if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 6) {
    unit = 0x10000 + ((unit - 0xd800) << 10) + (four_hex(at + 2, end) - 0xdc00); // behind its "\u"
    at += 6;
  }
  append_utf8(out, static_cast<std::uint32_t>(unit));
  return at;
}

} // namespace

int four_hex(const char* at, const char* end) noexcept {
  if (end - at < 4)
    return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c))
      value = value << 4 | (c - '0');
    else if (lower >= 'a' && lower <= 'f')
      value = value << 4 | (lower - 'a' + 10);
    else
      return -1;
  }
  return value;
}

std::string unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  const char* at = raw.data();
  const char* const end = at + raw.size();
  while (at != end) {
    const char* const backslash = std::find(at, end, '\\');
    out.append(at, backslash);
    at = backslash;
    if (end - at < 2)
      break;
    const char escape = at[1];
    at += 2;
    if (escape == 'u')
      at = append_unicode_escape(out, at, end);
    else
      out += simple_escape(escape);
  }
  return out;
}

} // namespace json_text

namespace {

using namespace json_text;

/// `at` stands on an opening quote; returns what follows the closing one.
const char* skip_string(const char* at, const char* end) {
  for (++at; at != end && *at != '"'; ++at)
    if (*at == '\\' && ++at == end)
      return end;
  return at == end ? end : at + 1;
}

const char* skip_space(const char* at, const char* end) {
  while (at != end && is_space(*at))
    ++at;
  return at;
}

/// `at` stands on the first character of a value of checked JSON; returns what follows the value.
const char* skip_value(const char* at, const char* end) {
  std::size_t depth = 0;
  while (at != end) {
    const char c = *at;
    if (c == '"') {
      at = skip_string(at, end);
      if (depth == 0)
        return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_space(c)))
      return at; // behind a number or a literal
    ++at;
    if (c == '{' || c == '[')
      ++depth;
    else if ((c == '}' || c == ']') && --depth == 0)
      return at;
  }
  return at;
}

/// Between the quotes that `skip_string` went over.
std::string_view content_of(const char* open, const char* behind) {
  return {open + 1, static_cast<std::size_t>(std::max<std::ptrdiff_t>(behind - open - 2, 0))};
}

bool names(std::string_view raw_key, std::string_view key) {
  return raw_key == key || (raw_key.find('\\') != raw_key.npos && unescape(raw_key) == key);
}

void append_escaped(std::string& out, char c) {
  constexpr char digits[] = "0123456789abcdef";
  constexpr std::string_view short_for = "\"\\\b\f\n\r\t";
  constexpr std::string_view short_form = "\"\\bfnrt";
  out += '\\';
  if (const auto i = short_for.find(c); i != short_for.npos) {
    out += short_form[i];
    return;
  }
  out += "u00";
  out += digits[static_cast<unsigned char>(c) >> 4];
  out += digits[c & 15];
}

} // namespace

result<json> parse_json(std::string_view text, json_limits limits) {
  if (auto checked = check_json(text, limits); !checked)
    return std::move(checked).failure();
  auto value = json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded())
    return error{errc::invalid_json, "The body is not valid JSON"};
  return value;
}

std::string minify_json(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const char* at = text.data();
  const char* const end = at + text.size();
  while ((at = skip_space(at, end)) != end) {
    const char* const start = at;
    while (at != end && !is_space(*at))
      at = *at == '"' ? skip_string(at, end) : at + 1;
    out.append(start, at);
  }
  return out;
}

std::string_view json_member(std::string_view text, std::string_view key) {
  const char* const end = text.data() + text.size();
  const char* at = skip_space(text.data(), end);
  if (at == end || *at != '{')
    return {};
  ++at;
  while ((at = skip_space(at, end)) != end && *at == '"') {
    const char* const open = at;
    at = skip_string(at, end);
    const bool found = names(content_of(open, at), key);
    at = skip_space(at, end);
    if (at == end)
      return {};
    const char* const value = skip_space(at + 1, end); // behind the colon
    at = skip_value(value, end);
    if (found)
      return {value, static_cast<std::size_t>(at - value)};
    at = skip_space(at, end);
    if (at == end || *at != ',')
      return {};
    ++at;
  }
  return {};
}

std::string dump_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string quote_json(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const start = at;
    at = skip_plain(at, end);
    out.append(start, at);
    if (at == end)
      break;
    const std::string_view rest{at, static_cast<std::size_t>(end - at)};
    const auto length = utf8_length(rest);
    if (length == 0)
      out += "\xef\xbf\xbd";
    else if (length == 1)
      append_escaped(out, *at);
    else
      out += rest.substr(0, length);
    at += std::max<std::size_t>(length, 1);
  }
  out += '"';
  return out;
}

} // namespace ares
