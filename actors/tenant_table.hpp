// Which supervisor answers for a key: what HTTP threads look at before they send.
#pragma once

#include "actors/admission_gate.hpp"
#include "actors/api_request.hpp"
#include "conf/secret.hpp"

#include <caf/all.hpp>

#include <array>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace ares {

using request_receiver = caf::typed_actor<caf::reacts_to<api_request_ptr>>;

/// Thread-safe. A hint only: the supervisor and the store check the key again.
class tenant_table {
public:
  /// Sends the request to the supervisor of its key; false if there is none in the table. Sent
  /// under the table's lock: once a key was removed, nothing more is on its way through it.
  [[nodiscard]] bool forward(const api_request_ptr& request) const;

  /// What the tenant of the key has under way; null if the key is not in the table.
  [[nodiscard]] std::shared_ptr<tenant_load> load_of(const secret_hash& key) const;

  void add(const std::vector<secret_hash>& keys, const request_receiver& supervisor,
           const std::shared_ptr<tenant_load>& load);
  void remove(const std::vector<secret_hash>& keys);
  /// All that lead to this supervisor; slow: for one that crashed.
  void remove(const request_receiver& supervisor);

private:
  struct entry {
    request_receiver supervisor;
    std::shared_ptr<tenant_load> load;
  };
  struct shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<secret_hash, entry> by_key;
  };
  static constexpr std::size_t shard_count = 64;
  shard& of(const secret_hash& h) { return shards_[h.bytes[0] % shard_count]; }
  const shard& of(const secret_hash& h) const { return shards_[h.bytes[0] % shard_count]; }
  std::array<shard, shard_count> shards_;
};

} // namespace ares
