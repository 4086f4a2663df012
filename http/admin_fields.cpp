#include "http/admin_fields.hpp"

#include "conf/ids.hpp"
#include "conf/utf8.hpp"

#include <algorithm>
#include <cstdlib>

namespace ares::http {

namespace {

/// Lua counts in doubles: up to here every integer is exact.
constexpr std::int64_t figure_max = (std::int64_t{1} << 53) - 1;
constexpr int page_limit_max = 1000;

error bad(const std::string& complaint) {
  return {errc::invalid_request, complaint};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/// Of valid UTF-8.
std::size_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

/// No control characters: C0, DEL, C1 (U+0080 to U+009F, which is C2 80 to C2 9F).
bool printable(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F)
      return false;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
      return false;
  }
  return true;
}

} // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool in_query) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && in_query) {
      plain += ' ';
      continue;
    }
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
      return std::nullopt;
    plain += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return plain;
}

// -- query --------------------------------------------------------------------

result<query_parameters> query_parameters::read(std::string_view query) {
  query_parameters all;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty())
      continue;
    const auto equals = std::min(part.find('='), part.size());
    auto name = percent_decoded(part.substr(0, equals), true);
    auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (!name || !value || !valid_utf8(*name) || !valid_utf8(*value) || !printable(*name))
      return bad("The query string is malformed");
    if (!all.values_.emplace(*name, *value).second)
      return bad(*name + ": given more than once");
  }
  return all;
}

std::optional<std::string> query_parameters::text(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end())
    return std::nullopt;
  return it->second;
}

result<int> query_parameters::count(const std::string& name, int preset, int most) const {
  auto given = text(name);
  if (!given)
    return preset;
  const bool digits = !given->empty() && given->size() <= 18 &&
                      given->find_first_not_of("0123456789") == std::string::npos;
  std::int64_t n = 0;
  if (digits)
    n = std::strtoll(given->c_str(), nullptr, 10);
  if (n < 1)
    return bad(name + ": must be an integer of at least 1");
  return static_cast<int>(std::min<std::int64_t>(n, most));
}

result<store::page> query_parameters::page() const {
  auto limit = count("limit", static_cast<int>(store::page{}.limit), page_limit_max);
  if (!limit)
    return limit.failure();
  store::page p{static_cast<std::size_t>(*limit), text("after").value_or("")};
  if (!p.after.empty() && !uuid::parse(p.after))
    return bad("after: must be an id");
  return p;
}

// -- body ---------------------------------------------------------------------

body_fields::body_fields(std::string_view body) {
  if (auto checked = check_json(body); !checked) {
    wrong_ = checked.failure();
    return;
  }
  object_ = ordered_json::parse(body, nullptr, false);
  if (!object_.is_object()) {
    wrong_ = bad("The body must be a JSON object");
    object_ = ordered_json::object();
  }
}

void body_fields::refuse(const std::string& complaint) {
  if (!wrong_)
    wrong_ = bad(complaint);
}

const ordered_json* body_fields::field(const std::string& name, need n) {
  known_.insert(name);
  auto it = object_.find(name);
  if (it == object_.end() && n == need::required)
    refuse(name + ": is required");
  if (wrong_ || it == object_.end())
    return nullptr;
  return &*it;
}

std::string body_fields::text(const std::string& name, need n, std::size_t most) {
  const auto* value = field(name, n);
  if (!value)
    return {};
  if (!value->is_string()) {
    refuse(name + ": must be a string");
    return {};
  }
  auto text = value->get<std::string>();
  if (text.empty() || characters(text) > most)
    refuse(name + ": must have 1 to " + std::to_string(most) + " characters");
  else if (!printable(text))
    refuse(name + ": must not contain control characters");
  else if (text.front() == ' ' || text.back() == ' ')
    refuse(name + ": must not begin or end with a blank");
  return text;
}

std::optional<std::int64_t> body_fields::integer(const std::string& name, std::int64_t least,
                                                 std::int64_t most) {
  const auto* value = field(name, need::optional);
  if (!value || value->is_null())
    return std::nullopt;
  const bool fits = value->is_number_unsigned()
                        ? value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most)
                        : value->is_number_integer() && value->get<std::int64_t>() <= most;
  if (!fits || value->get<std::int64_t>() < least) {
    refuse(name + ": must be an integer from " + std::to_string(least) + " to " +
           std::to_string(most));
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::optional<ordered_json> body_fields::object(const std::string& name, need n) {
  const auto* value = field(name, n);
  if (!value)
    return std::nullopt;
  if (!value->is_object()) {
    refuse(name + ": must be an object");
    return std::nullopt;
  }
  return *value;
}

std::optional<bool> body_fields::status() {
  const auto* value = field("status", need::optional);
  if (!value)
    return std::nullopt;
  if (*value != "active" && *value != "disabled") {
    refuse("status: must be active or disabled");
    return std::nullopt;
  }
  return *value == "active";
}

std::optional<store::own_figure> body_fields::figure(const std::string& name) {
  const auto* value = field(name, need::optional);
  if (!value)
    return std::nullopt;
  if (value->is_null())
    return store::own_figure{true, std::nullopt};
  if (*value == "tier")
    return store::own_figure{};
  if (!value->is_number_integer()) {
    refuse(name + ": must be an integer, null for unlimited, or \"tier\"");
    return std::nullopt;
  }
  if (auto n = integer(name, 0, figure_max))
    return store::own_figure{true, *n};
  return std::nullopt;
}

std::optional<error> body_fields::finish() {
  for (const auto& [name, value] : object_.items())
    if (!known_.count(name))
      refuse(name + ": is not a field of this request");
  return wrong_;
}

} // namespace ares::http
