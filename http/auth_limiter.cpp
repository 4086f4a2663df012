#include "http/auth_limiter.hpp"

#include "conf/address.hpp"
#include "http/parser/syntax.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ares::http {

namespace {

constexpr std::size_t address_bytes_max = 64;
constexpr auto window_length = std::chrono::minutes(1);
constexpr std::size_t network_bytes = 8; // of an IPv6 address: its /64

/// What failures of an address are counted under.
std::string counted_as(const std::string& address) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1)
    return address;
  return {bytes.data(), network_bytes};
}

/// An address as some proxies write it, `1.2.3.4:567` or `[::1]:567`, without its port.
std::string_view without_port(std::string_view entry) {
  if (entry.starts_with('['))
    return entry.substr(1, entry.find(']') - 1);
  const auto colon = entry.find(':');
  return colon == entry.rfind(':') ? entry.substr(0, colon) : entry;
}

/// Takes the last entry off a comma-separated list.
std::string_view last_entry(std::string_view& list) {
  const auto comma = list.rfind(',');
  auto entry = list.substr(comma == std::string_view::npos ? 0 : comma + 1);
  list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
  const auto first = entry.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return entry.substr(first, entry.find_last_not_of(" \t") - first + 1);
}

/// All X-Forwarded-For headers as the one list that they are (RFC 9110, 5.3).
std::string forwarded_for(const request& r) {
  std::string list;
  for (const auto& h : r.headers)
    if (equals_ignoring_case(h.name, "x-forwarded-for"))
      list += h.value + ',';
  return list;
}

} // namespace

auth_limiter::window* auth_limiter::find(const std::string& address) {
  for (auto* known : {&recent_, &older_})
    if (const auto it = known->find(address); it != known->end())
      return &it->second;
  return nullptr;
}

bool auth_limiter::is_over(const std::string& address, int per_minute, time now) {
  if (per_minute <= 0)
    return false;
  const auto key = counted_as(address);
  std::lock_guard lock(mutex_);
  const auto* w = find(key);
  return w != nullptr && now - w->start < window_length && w->failures >= per_minute;
}

void auth_limiter::failed(const std::string& address, time now) {
  const auto key = counted_as(address);
  std::lock_guard lock(mutex_);
  window w{now, 0};
  if (const auto* known = find(key); known != nullptr && now - known->start < window_length)
    w = *known;
  ++w.failures;
  older_.erase(key);
  if (recent_.size() >= generation_addresses_max && recent_.count(key) == 0) {
    older_ = std::move(recent_);
    recent_.clear();
  }
  recent_.insert_or_assign(key, w);
}

std::string client_address(const request& r, const std::vector<std::string>& trusted_proxies) {
  const auto trusted = [&](const std::string& address) {
    return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                       [&](const auto& network) { return address_in(address, network); });
  };
  auto address = r.peer;
  if (!trusted(address))
    return address;
  const auto chain = forwarded_for(r);
  for (std::string_view left = chain; trusted(address) && !left.empty();)
    if (const auto entry = last_entry(left); !entry.empty())
      address = without_port(entry).substr(0, address_bytes_max);
  return address;
}

} // namespace ares::http
