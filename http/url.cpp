#include "http/url.hpp"

#include "conf/utf8.hpp"

#include <algorithm>

namespace ares::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size())
      return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0))
      return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    escaped = true;
    i += 2;
  }
  if (escaped && !valid_utf8(out))
    return std::nullopt;
  return out;
}

result<query_parameters> query_parameters::parse(std::string_view query) {
  query_parameters q;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    std::string pair(query.substr(0, end));
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty())
      continue;
    std::replace(pair.begin(), pair.end(), '+', ' ');
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(std::string_view(pair).substr(0, equals));
    auto value = percent_decode(std::string_view(pair).substr(std::min(equals + 1, pair.size())));
    if (!name || !value)
      return error{errc::invalid_request, "The query string has a malformed percent-encoding"};
    if (q.find(*name))
      return error{errc::invalid_request,
                   "The query parameter " + name->substr(0, 64) + " is repeated"};
    q.all_.emplace_back(std::move(*name), std::move(*value));
  }
  return q;
}

const std::string* query_parameters::find(std::string_view name) const noexcept {
  for (const auto& [n, value] : all_)
    if (n == name)
      return &value;
  return nullptr;
}

result<std::int64_t> query_parameters::integer(std::string_view name, std::int64_t otherwise,
                                               std::int64_t least, std::int64_t most) const {
  const auto* text = find(name);
  if (!text)
    return otherwise;
  const bool digits = !text->empty() && text->find_first_not_of("0123456789") == std::string::npos;
  std::int64_t n = 0;
  if (digits)
    for (char c : *text)
      n = n > (most - (c - '0')) / 10 ? most : n * 10 + (c - '0');
  if (!digits || n < least)
    return error{errc::invalid_request,
                 std::string(name) + " must be an integer of at least " + std::to_string(least)};
  return n;
}

} // namespace ares::http
