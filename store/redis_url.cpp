#include "store/redis.hpp"

#include <sys/un.h>

#include <charconv>
#include <optional>

namespace ares::store {

namespace {

constexpr int database_max = 65535;

template <class Number>
bool parse_number(std::string_view text, Number least, Number most, Number& out) {
  Number value{};
  const auto end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || stop != end || value < least || value > most)
    return false;
  out = value;
  return true;
}

/// RFC 3986, section 2.1.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size())
      return std::nullopt;
    unsigned code = 0;
    const auto end = text.data() + i + 3;
    if (std::from_chars(text.data() + i + 1, end, code, 16).ptr != end)
      return std::nullopt;
    out += static_cast<char>(code);
    i += 2;
  }
  return out;
}

bool parse_credentials(std::string_view text, redis_address& out) {
  const auto colon = text.find(':');
  if (colon == text.npos)
    return false;
  auto user = percent_decoded(text.substr(0, colon));
  auto password = percent_decoded(text.substr(colon + 1));
  if (!user || !password || password->empty())
    return false;
  out.user = std::move(*user);
  out.password = std::move(*password);
  return true;
}

/// host, host:port or [address]:port.
bool parse_host(std::string_view text, redis_address& out) {
  std::string_view host = text, port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == text.npos)
      return false;
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (const auto colon = text.find(':'); colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (host.empty() || host.find_first_of(" @?#[") != host.npos)
    return false;
  out.host = host;
  if (port.empty())
    return true;
  return port.front() == ':' &&
         parse_number<std::uint16_t>(port.substr(1), 1, UINT16_MAX, out.port);
}

bool parse_tcp(std::string_view rest, redis_address& out) {
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    if (!parse_credentials(rest.substr(0, at), out))
      return false;
    rest.remove_prefix(at + 1);
  }
  const auto slash = rest.find('/');
  if (!parse_host(rest.substr(0, slash), out))
    return false;
  if (slash == rest.npos || slash + 1 == rest.size())
    return true;
  return parse_number(rest.substr(slash + 1), 0, database_max, out.database);
}

bool parse_unix(std::string_view rest, redis_address& out) {
  constexpr std::string_view key = "?db=";
  const auto query = rest.find('?');
  if (query != rest.npos &&
      (!rest.substr(query).starts_with(key) ||
       !parse_number(rest.substr(query + key.size()), 0, database_max, out.database)))
    return false;
  auto path = percent_decoded(rest.substr(0, query));
  if (!path || path->size() < 2 || path->front() != '/' ||
      path->size() >= sizeof sockaddr_un{}.sun_path)
    return false;
  out.path = std::move(*path);
  return true;
}

} // namespace

bool parse_redis_url(std::string_view url, redis_address& out) {
  constexpr std::string_view tcp = "redis://", local = "unix://";
  redis_address parsed;
  const bool good = url.find('\0') == url.npos &&
                    ((url.starts_with(tcp) && parse_tcp(url.substr(tcp.size()), parsed)) ||
                     (url.starts_with(local) && parse_unix(url.substr(local.size()), parsed)));
  if (good)
    out = std::move(parsed);
  return good;
}

} // namespace ares::store
