// Tenants as lines of JSON, and the way back: backup, restore, a move to another store.
//
// The format is described in docs/backup.md. Keys travel as hashes; no line holds a secret.
#pragma once

#include "conf/ids.hpp"
#include "conf/result.hpp"
#include "store/tenants.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ares::store {

/// The version of the format, and the bound of one line: a run holds a request's body and an
/// answer.
inline constexpr int backup_format = 1;
inline constexpr std::size_t backup_line_bytes_max = 64u << 20;

struct backup_counts {
  std::int64_t tenants = 0, agents = 0, keys = 0, runs = 0, audit_entries = 0;
  std::int64_t tenants_skipped = 0; // import: those that were there already
};

/// Takes a line, without its end; an error stops what calls it.
using line_sink = std::function<result<std::monostate>(const std::string& line)>;

/// Writes tenants. Not thread-safe. What goes on in the tenant meanwhile is harmless: figures and
/// history are those of one moment, runs that were under way then come as they are when they are
/// read. Errors: not_found, store_unavailable, those of the sink.
class tenant_export {
public:
  tenant_export(redis& connection, const store_clock& clock, line_sink out);

  /// The first line, before any tenant.
  [[nodiscard]] result<std::monostate> begin();
  [[nodiscard]] result<std::monostate> tenant(const tenant_id& t);
  /// The audit log of the whole platform.
  [[nodiscard]] result<std::monostate> audit();
  [[nodiscard]] const backup_counts& counts() const noexcept { return counts_; }

private:
  [[nodiscard]] result<std::vector<std::string>> agent_ids(const tenant_id& t,
                                                           std::string& version);
  [[nodiscard]] result<reply> snapshot(const tenant_id& t, const std::vector<std::string>& agents,
                                       const std::string& version);
  [[nodiscard]] result<std::monostate> write(const tenant_id& t, const reply& snapshot,
                                             const std::vector<std::string>& agents);
  [[nodiscard]] std::vector<std::string> figures(const tenant_id& t, const reply& snapshot);
  /// All runs of an agent up to the snapshot: the older ones, then `recent`.
  [[nodiscard]] result<std::monostate> history(const tenant_id& t, const std::string& agent,
                                               const std::vector<std::string>& recent);
  [[nodiscard]] result<std::monostate> runs(const tenant_id& t, const std::string& agent,
                                            const std::vector<std::string>& ids);

  blocking_calls calls_;
  const store_clock& clock_;
  line_sink out_;
  backup_counts counts_;
  std::string bound_; // runs with older ids are read after the snapshot
};

enum class existing_tenants { refuse, skip };

/// Reads what `tenant_export` wrote. A tenant appears as a whole, at its last line, or not at all.
/// What was under way when it was exported and had not ended when it was read ends as failed,
/// `node lost`. Not thread-safe. Errors: invalid_request (the line is none of the format),
/// already_exists (the tenant's id, its name or one of its keys is in use), store_unavailable,
/// store_full.
class tenant_import {
public:
  tenant_import(redis& connection, tenant_store& tenants, id_generator& ids,
                existing_tenants existing);
  ~tenant_import();
  tenant_import(const tenant_import&) = delete;
  tenant_import& operator=(const tenant_import&) = delete;

  [[nodiscard]] result<std::monostate> take(std::string_view line);
  /// No more lines: nothing may be left unfinished.
  [[nodiscard]] result<std::monostate> finish();
  [[nodiscard]] const backup_counts& counts() const noexcept { return counts_; }

private:
  struct open_operation {
    std::string agent;  // empty: a chat
    std::string record; // of a run that has ended since
  };
  /// The tenant whose lines are coming.
  struct arrival {
    tenant_id id;
    std::string name;
    bool skipped = false;
    std::vector<std::string> key_hashes;
    std::map<std::string, open_operation> open;
    std::int64_t agents = 0, runs = 0;
  };

  [[nodiscard]] result<std::monostate> header(const json& line);
  [[nodiscard]] result<std::monostate> tenant_line(const json& line, std::string_view text);
  [[nodiscard]] result<std::monostate> begin_tenant(const json& line);
  [[nodiscard]] result<std::monostate> agent_line(const json& line, std::string_view text);
  [[nodiscard]] result<std::monostate> deleted_agent(const json& line);
  [[nodiscard]] result<std::monostate> fields_line(const json& line, const char* name,
                                                   const std::string& key);
  [[nodiscard]] result<std::monostate> open_line(const json& line);
  [[nodiscard]] result<std::monostate> run_line(const json& line, std::string_view text);
  [[nodiscard]] result<std::monostate> end_line(const json& line);
  [[nodiscard]] result<std::monostate> audit_line(std::string_view text);
  [[nodiscard]] result<std::monostate> end_open();
  [[nodiscard]] result<std::monostate> check_keys_are_free(const arrival& a);
  [[nodiscard]] result<std::monostate> point_keys();
  void give_up();

  void put(const char* command, std::string key, std::vector<std::string> arguments);
  [[nodiscard]] result<std::monostate> flush_if_full();
  [[nodiscard]] result<std::monostate> flush();

  redis& redis_;
  blocking_calls calls_;
  tenant_store& tenants_;
  id_generator& ids_;
  existing_tenants existing_;
  backup_counts counts_;
  bool begun_ = false;
  std::optional<arrival> now_;
  std::string import_; // identity of this import
  std::vector<std::string> keys_, pieces_;
  std::size_t piece_bytes_ = 0;
};

} // namespace ares::store
