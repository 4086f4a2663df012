#include "conf/config_checks.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

namespace ares::checks {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t model_name_bytes_max = 128;

bool is_alphanumeric(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_integer(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && end == text.data() + text.size() && value >= low && value <= high;
}

bool is_ip(std::string_view text, int family) {
  unsigned char buffer[sizeof(in6_addr)];
  return text.find('\0') == text.npos && inet_pton(family, std::string(text).c_str(), buffer) == 1;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; });
}

enum class port { none, optional, required };

bool is_authority(std::string_view text, port wanted, int port_low) {
  std::string_view host_part = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos || !is_ip(text.substr(1, close - 1), AF_INET6))
      return false;
    rest = text.substr(close + 1);
  } else {
    host_part = text.substr(0, text.find(':'));
    rest = text.substr(host_part.size());
    if (!is_host_name(host_part))
      return false;
  }
  if (rest.empty())
    return wanted != port::required;
  return wanted != port::none && rest.front() == ':' &&
         is_integer(rest.substr(1), port_low, 65535);
}

/// Takes `prefix` off the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_http_scheme(std::string_view& text) {
  return take(text, "http://") || take(text, "https://");
}

bool is_redis_url(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != text.npos && slash + 1 < text.size() &&
      !is_integer(text.substr(slash + 1), 0, 1'000'000))
    return false;
  auto authority = text.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != authority.npos)
    authority.remove_prefix(at + 1);
  return is_authority(authority, port::optional, 1);
}

bool is_unix_url(std::string_view text) {
  const auto query = text.find('?');
  if (query != text.npos) {
    auto database = text.substr(query + 1);
    if (!take(database, "db=") || !is_integer(database, 0, 1'000'000))
      return false;
  }
  const auto path = text.substr(0, query);
  return path.size() > 1 && path.front() == '/';
}

} // namespace

std::string any(const std::string&) {
  return {};
}

std::string not_empty(const std::string& text) {
  if (text.empty() || has_control(text))
    return "must be a non-empty string without control characters";
  return {};
}

std::string name(const std::string& text) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
  };
  if (text.empty() || text.size() > name_bytes_max || !is_alphanumeric(text.front()) ||
      !std::all_of(text.begin(), text.end(), allowed))
    return "must be a name of 1 to 64 letters, digits, '_', '.', '-' that starts with a letter or "
           "digit";
  return {};
}

std::string model_name(const std::string& text) {
  if (text.empty() || text.size() > model_name_bytes_max || has_control(text))
    return "must be a name of 1 to 128 bytes without control characters";
  return {};
}

std::string variable_name(const std::string& text) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_'; };
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) ||
      !std::all_of(text.begin(), text.end(), allowed))
    return "must be the name of an environment variable";
  return {};
}

std::string host(const std::string& text) {
  if (is_host_name(text) || is_ip(text, AF_INET6))
    return {};
  return "must be a host name or an IP address";
}

std::string host_port(const std::string& text) {
  if (is_authority(text, port::required, 0))
    return {};
  return "must be \"host:port\"";
}

std::string host_optional_port(const std::string& text) {
  if (is_authority(text, port::optional, 0))
    return {};
  return "must be \"host\" or \"host:port\"";
}

std::string http_url(const std::string& text) {
  std::string_view rest = text;
  const bool scheme = take_http_scheme(rest);
  const auto authority = rest.substr(0, rest.find('/'));
  const bool clean = rest.find_first_of("?# \"<>\\") == rest.npos && !has_control(rest);
  if (scheme && clean && is_authority(authority, port::optional, 1))
    return {};
  return "must be a URL like \"https://api.example.com/v1\"";
}

std::string origin(const std::string& text) {
  std::string_view rest = text;
  if (take_http_scheme(rest) && is_authority(rest, port::optional, 1))
    return {};
  return "must be an origin like \"https://app.example.com\", without a path";
}

std::string store_url(const std::string& text) {
  std::string_view rest = text;
  if (!has_control(text) && ((take(rest, "redis://") && is_redis_url(rest)) ||
                             (take(rest, "unix://") && is_unix_url(rest))))
    return {};
  return "must be \"redis://[user:password@]host[:port][/db]\" or \"unix:///path[?db=N]\"";
}

std::string address(const std::string& text) {
  const std::string_view whole = text;
  const auto slash = whole.find('/');
  const auto ip = whole.substr(0, slash);
  const int bits = is_ip(ip, AF_INET) ? 32 : is_ip(ip, AF_INET6) ? 128 : -1;
  if (bits > 0 && (slash == whole.npos || is_integer(whole.substr(slash + 1), 0, bits)))
    return {};
  return "must be an IP address or a network like \"10.0.0.0/8\"";
}

} // namespace ares::checks
