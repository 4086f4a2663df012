// The administration of tenants: every change of a tenant, its keys and its agents, and what an
// operator reads. Synchronous; each call is bounded (store/blocking_calls.hpp).
//
// A change is one script on the tenant's slot: it checks, writes, raises the tenant's version (so
// that every node learns of it at its next operation) and appends its audit entry, or does nothing.
#pragma once

#include "conf/clock.hpp"
#include "conf/ids.hpp"
#include "store/audit_log.hpp"
#include "store/blocking_calls.hpp"
#include "store/tenant_records.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ares::store {

struct new_tenant {
  std::string name;
  std::string tier;
  own_figures figures;
  std::vector<new_agent> agents;
  std::optional<new_key> key;
};

struct created_tenant {
  tenant_record tenant;
  std::optional<issued_key> key;
};

/// Run objects as they are stored, newest first.
struct runs_page {
  std::vector<std::string> records;
  std::int64_t total = 0;
  std::optional<std::string> next;
};

struct platform_counts {
  std::int64_t tenants = 0, agents = 0, open_operations = 0;
  usage_counters month;
};

struct node_row {
  std::string incarnation;
  std::string description; // JSON, or `dead`
  std::int64_t beats = 0;
};

/// How much one turn of `trim` does at most.
struct trim_bounds {
  std::size_t tenants = 500;
  std::int64_t runs = 200'000; // about two seconds
};

/// Thread-safe. Errors of all: not_found (of this tenant), store_unavailable, store_full; and
/// those named. What is refused has changed nothing.
class tenant_store {
public:
  /// All three must outlive it.
  tenant_store(redis& connection, const store_clock& clock, id_generator& ids);

  // -- tenants ------------------------------------------------------------------

  /// With its agents and its key, all together. already_exists: the name is another's.
  [[nodiscard]] result<created_tenant> create(const new_tenant& t, const author& by);
  [[nodiscard]] result<tenant_record> get(const tenant_id& t);
  [[nodiscard]] result<tenant_record> find(const std::string& name);
  /// Newest first.
  [[nodiscard]] result<page_of<tenant_record>> list(const page& p);
  /// Everything that is the tenant's but its audit entries. What cannot be removed now is by
  /// `sweep`.
  [[nodiscard]] result<std::monostate> remove(const tenant_id& t, const author& by);
  [[nodiscard]] result<tenant_record> change_quota(const tenant_id& t, const quota_change& change,
                                                   const author& by);

  // -- keys ---------------------------------------------------------------------

  /// invalid_request: the tenant has as many as it may have.
  [[nodiscard]] result<issued_key> create_key(const tenant_id& t, const new_key& k,
                                              const author& by);
  /// Those not revoked, newest first.
  [[nodiscard]] result<page_of<key_record>> list_keys(const tenant_id& t, const page& p);
  /// Refused by every node once this returned.
  [[nodiscard]] result<std::monostate> revoke_key(const tenant_id& t, const key_id& k,
                                                  const author& by);

  // -- agents -------------------------------------------------------------------

  /// already_exists; invalid_request: the tenant has as many as it may have.
  [[nodiscard]] result<agent_row> create_agent(const tenant_id& t, const new_agent& a,
                                               const author& by);
  /// Works out an agent's new fields, or refuses. Called again if somebody else was faster.
  using revision = std::function<result<agent_fields>(const agent_record& now)>;
  [[nodiscard]] result<agent_row> update_agent(const tenant_id& t, const std::string& name,
                                               const revision& revise, const author& by);
  /// Its runs stay.
  [[nodiscard]] result<std::monostate> delete_agent(const tenant_id& t, const std::string& name,
                                                    const author& by);
  [[nodiscard]] result<agent_row> get_agent(const tenant_id& t, const std::string& name);
  /// By name. `after` is an agent's id.
  [[nodiscard]] result<page_of<agent_row>> list_agents(const tenant_id& t, const page& p);
  [[nodiscard]] result<runs_page> list_runs(const tenant_id& t, const std::string& agent,
                                            const page& p);

  // -- figures ------------------------------------------------------------------

  [[nodiscard]] result<tenant_usage> usage(const tenant_id& t);
  /// The usage of several tenants; one each, in order.
  [[nodiscard]] result<std::vector<tenant_usage>> usage_of(const std::vector<tenant_record>& all);
  [[nodiscard]] result<platform_counts> counts();
  [[nodiscard]] result<std::vector<node_row>> nodes();
  /// The agents of several tenants, without statistics; one list each, in order.
  [[nodiscard]] result<std::vector<std::vector<agent_record>>>
  agents_of(const std::vector<tenant_record>& all);
  [[nodiscard]] result<std::vector<agent_statistics>>
  statistics_of(const std::vector<std::pair<tenant_id, std::string>>& agents);

  // -- upkeep -------------------------------------------------------------------

  [[nodiscard]] audit_log& audit() noexcept { return audit_; }
  [[nodiscard]] std::int64_t now_ms() const noexcept { return clock_.now_ms(); }
  /// Finishes what was interrupted: tenants whose name is final are activated, other pending ones
  /// and the rest of removed ones go, audit entries are collected. Only tenants older than
  /// `age_min` count as interrupted.
  [[nodiscard]] result<std::monostate>
  sweep(std::chrono::milliseconds age_min = std::chrono::minutes(1));
  /// Removes a tenant whose import (store/backup.hpp) came to nothing: one to which nothing was
  /// written for `still`. Any other stays as it is.
  [[nodiscard]] result<std::monostate> drop_import(const tenant_id& t, std::chrono::seconds still);
  /// Removes runs that were admitted more than `days` ago and have ended, and the counters of days
  /// long past; a turn of it, so that it may be called with every sweep. Usage of months and
  /// statistics of agents stay. Gives how many runs went.
  [[nodiscard]] result<std::int64_t> trim(int days, trim_bounds bounds = {});
  /// Whether a sweep is due and now the caller's to do: once in `interval`, of all nodes.
  [[nodiscard]] result<bool> take_turn(std::chrono::milliseconds interval);

private:
  /// The id, the audit entry and the deadline every changing script starts with.
  struct change {
    uuid id;
    std::vector<std::string> arguments;
  };
  [[nodiscard]] change begin(const author& by, const audit_event& what);
  [[nodiscard]] result<reply> apply(std::string_view script, std::vector<std::string> keys,
                                    change c, std::vector<std::string> more);
  void collect_quietly(const tenant_id& t);

  [[nodiscard]] result<std::monostate> claim_name(const tenant_id& t, const std::string& name);
  [[nodiscard]] result<std::monostate> publish(const tenant_id& t, const std::string& name);
  [[nodiscard]] result<std::monostate> discard(const tenant_id& t, const std::string& name);
  [[nodiscard]] result<std::int64_t> put_tenant(const tenant_id& t, const new_tenant& wanted,
                                                const std::optional<issued_key>& key,
                                                const author& by);
  [[nodiscard]] result<issued_key> announce_key(const tenant_id& t);
  [[nodiscard]] result<std::vector<std::optional<tenant_record>>>
  read_records(const std::vector<std::string>& ids);

  [[nodiscard]] result<std::monostate> clear(const tenant_id& t);
  [[nodiscard]] result<std::monostate> clear_keys(const tenant_id& t);
  [[nodiscard]] result<std::monostate> clear_open(const tenant_id& t);
  [[nodiscard]] result<std::monostate> clear_agents(const tenant_id& t);
  [[nodiscard]] result<std::monostate> clear_history(const tenant_id& t, const std::string& agent);
  [[nodiscard]] result<std::monostate> sweep_one(const std::string& id,
                                                 std::chrono::milliseconds age_min);
  [[nodiscard]] result<std::monostate> sweep_import(const tenant_id& t, const std::string& name,
                                                    std::chrono::milliseconds age_min);

  /// Of all its agents, the deleted ones included.
  [[nodiscard]] result<std::vector<std::string>> agent_ids(const tenant_id& t);
  [[nodiscard]] result<std::int64_t> trim_tenant(const tenant_id& t, int days,
                                                 std::int64_t runs_max);
  [[nodiscard]] result<std::int64_t> trim_history(const tenant_id& t, const std::string& agent,
                                                  int days, std::int64_t runs_max);

  [[nodiscard]] result<agent_row> with_statistics(const tenant_id& t, agent_record a);

  blocking_calls calls_;
  const store_clock& clock_;
  id_generator& ids_;
  audit_log audit_;
};

} // namespace ares::store
