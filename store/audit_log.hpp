// The audit log: who changed what and when. A change leaves its entry in its tenant's slot, in the
// same step; from there it is moved to the log of the whole platform.
#pragma once

#include "conf/ids.hpp"
#include "conf/json.hpp"
#include "store/blocking_calls.hpp"
#include "store/tenant_records.hpp"

#include <string>
#include <vector>

namespace ares::store {

/// The log keeps this many entries; the oldest leave first.
constexpr std::int64_t audit_entries_max = 100000;

/// On whose behalf something is changed.
struct author {
  std::string actor; // `admin`, or `key:ID`
  std::string request_id;
};

struct audit_event {
  std::string action; // `tenant.create`
  tenant_id tenant;
  std::string target;             // the id or name of what was changed
  ordered_json details = nullptr; // what else tells; no secrets
};

/// The JSON of an entry. `id` is its identity and its time (version 7).
[[nodiscard]] std::string audit_entry(const uuid& id, const author& by, const audit_event& what);

class audit_log {
public:
  explicit audit_log(blocking_calls& calls) : calls_(calls) {}

  /// Moves all entries that wait in a tenant's slot. May be repeated, and done by several at once:
  /// an entry arrives once.
  [[nodiscard]] result<std::monostate> collect(const tenant_id& t);

  /// Entries as JSON texts, newest first.
  [[nodiscard]] result<page_of<std::string>> read(const page& p);

private:
  blocking_calls& calls_;
};

} // namespace ares::store
