#include "actors/tenant_table.hpp"

#include <mutex>

namespace ares {

bool tenant_table::forward(const api_request_ptr& request) const {
  const auto& s = of(request->key);
  std::shared_lock lock(s.mutex);
  auto it = s.by_key.find(request->key);
  if (it == s.by_key.end())
    return false;
  caf::anon_send(it->second.supervisor, request);
  return true;
}

std::shared_ptr<tenant_load> tenant_table::load_of(const secret_hash& key) const {
  const auto& s = of(key);
  std::shared_lock lock(s.mutex);
  auto it = s.by_key.find(key);
  return it == s.by_key.end() ? nullptr : it->second.load;
}

void tenant_table::add(const std::vector<secret_hash>& keys, const request_receiver& supervisor,
                       const std::shared_ptr<tenant_load>& load) {
  for (const auto& key : keys) {
    auto& s = of(key);
    std::unique_lock lock(s.mutex);
    s.by_key.insert_or_assign(key, entry{supervisor, load});
  }
}

void tenant_table::remove(const std::vector<secret_hash>& keys) {
  for (const auto& key : keys) {
    auto& s = of(key);
    std::unique_lock lock(s.mutex);
    s.by_key.erase(key);
  }
}

void tenant_table::remove(const request_receiver& supervisor) {
  for (auto& s : shards_) {
    std::unique_lock lock(s.mutex);
    std::erase_if(s.by_key,
                  [&](const auto& entry) { return entry.second.supervisor == supervisor; });
  }
}

} // namespace ares
