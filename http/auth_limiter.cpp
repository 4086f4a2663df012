#include "http/auth_limiter.hpp"

#include "conf/address.hpp"
#include "http/parser/syntax.hpp"

#include <algorithm>
#include <string_view>

namespace ares::http {

namespace {

constexpr std::size_t address_bytes_max = 64;

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

bool auth_limiter::is_over(const std::string& address, int per_minute, time now) {
  if (per_minute <= 0)
    return false;
  std::lock_guard lock(mutex_);
  auto it = windows_.find(address);
  if (it == windows_.end() || now - it->second.start >= std::chrono::minutes(1))
    return false;
  return it->second.failures >= per_minute;
}

void auth_limiter::failed(const std::string& address, time now) {
  std::lock_guard lock(mutex_);
  if (windows_.size() >= addresses_max && windows_.count(address) == 0)
    windows_.clear();
  auto& w = windows_.try_emplace(address, window{now, 0}).first->second;
  if (now - w.start >= std::chrono::minutes(1))
    w = {now, 0};
  ++w.failures;
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
      address = entry.substr(0, address_bytes_max);
  return address;
}

} // namespace ares::http
