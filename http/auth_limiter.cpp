#include "http/auth_limiter.hpp"

#include "conf/address.hpp"

#include <algorithm>
#include <string_view>

namespace ares::http {

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
  if (windows_.size() >= addresses_max)
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
  auto forwarded = r.find("x-forwarded-for");
  std::string_view chain = forwarded.value_or("");
  while (trusted(address) && !chain.empty()) {
    const auto comma = chain.rfind(',');
    auto last = comma == std::string_view::npos ? chain : chain.substr(comma + 1);
    chain = comma == std::string_view::npos ? std::string_view{} : chain.substr(0, comma);
    while (!last.empty() && last.front() == ' ')
      last.remove_prefix(1);
    while (!last.empty() && last.back() == ' ')
      last.remove_suffix(1);
    address = last.substr(0, 64);
  }
  return address;
}

} // namespace ares::http
