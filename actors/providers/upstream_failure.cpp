#include "actors/providers/upstream_failure.hpp"

#include "actors/providers/utf8_assembler.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>

namespace ares {
namespace {

constexpr std::size_t message_characters_max = 300;
constexpr double wait_s_max = 86400;
constexpr std::int64_t tokens_max = 1'000'000'000; // of one call: more is a lie

std::optional<std::string> header(const http_headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::chrono::milliseconds bounded(double seconds) {
  seconds = std::clamp(seconds, 0.0, wait_s_max);
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

void replace_all(std::string& text, const std::string& what, std::string_view with) {
  if (what.size() < 3) // nothing that short is a secret, and it would shred the text
    return;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string_view presentable_word(std::string_view word) {
  if (word.find("://") != std::string_view::npos || word.starts_with("www."))
    return "[link]";
  const auto at = word.find("sk-"); // how most providers' keys begin; `risk-free` is none
  const bool is_key = at != std::string_view::npos &&
                      (at == 0 || !std::isalnum(static_cast<unsigned char>(word[at - 1])));
  return is_key ? "[key]" : word;
}

} // namespace

std::optional<std::chrono::milliseconds> retry_after(const http_headers& headers,
                                                     std::int64_t now_unix_s) {
  if (auto text = header(headers, "retry-after-ms"))
    if (auto milliseconds = number(*text))
      return bounded(*milliseconds / 1000);
  auto text = header(headers, "retry-after");
  if (!text)
    return std::nullopt;
  if (auto seconds = number(*text))
    return bounded(*seconds);
  std::tm date{};
  if (!strptime(text->c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date))
    return std::nullopt;
  return bounded(static_cast<double>(timegm(&date) - now_unix_s));
}

std::string presentable(std::string_view message, const std::vector<std::string>& hidden) {
  std::string text = repaired_utf8(message.substr(0, 16 * message_characters_max));
  for (const auto& secret : hidden)
    replace_all(text, secret, "[hidden]");
  std::string result;
  const auto is_blank = [](unsigned char c) { return c <= ' ' || c == 0x7F; };
  for (auto at = text.begin(); at != text.end();) {
    at = std::find_if_not(at, text.end(), is_blank);
    const auto end = std::find_if(at, text.end(), is_blank);
    if (at != end)
      (result += result.empty() ? "" : " ") += presentable_word({at, end});
    at = end;
  }
  std::size_t characters = 0;
  for (std::size_t at = 0; at < result.size(); ++at)
    if ((result[at] & 0xC0) != 0x80 && characters++ == message_characters_max)
      result.resize(at);
  return result;
}

std::string upstream_error_message(const upstream_json& document) {
  const json& root =
      document.root.is_array() && !document.root.empty() ? document.root.front() : document.root;
  const json& error = member(root, "error");
  for (const json* candidate :
       {&member(error, "message"), &error, &member(root, "message"), &member(root, "detail")})
    if (candidate->is_string())
      return document.text(*candidate);
  return {};
}

std::optional<std::int64_t> token_count(const json& value) {
  if (!value.is_number())
    return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= 0 && number <= tokens_max))
    return std::nullopt;
  return static_cast<std::int64_t>(number);
}

} // namespace ares
