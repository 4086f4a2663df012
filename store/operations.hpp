// The operations on one tenant's slot, and the batch that carries them: store/scripts/batch.lua.
// The scripts' own comments say what each does; this is their C++ face, and the only place that
// knows the order of their arguments.
#pragma once

#include "conf/ids.hpp"
#include "conf/secret.hpp"
#include "store/redis.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ares::store {

/// One operation of a batch: its name and arguments, and its own keys.
struct operation {
  std::vector<std::string> keys;
  std::vector<std::string> arguments; // the name first

  [[nodiscard]] bool is_admission() const { return arguments.front() == "admit"; }
  [[nodiscard]] std::size_t bytes() const;
};

/// The key a request came with, as its tenant knows it.
struct acting_key {
  secret_hash hash;
  std::string stamp; // the key's id where its last use is to be noted, else empty
};

/// Figures without a value are unlimited.
struct admission_limits {
  std::optional<std::int64_t> requests_per_day;
  std::optional<std::int64_t> runs_per_month;
  std::optional<std::int64_t> tokens_per_month;
};

struct admission {
  bool is_run = true; // else a chat
  operation_id operation;
  acting_key key;
  std::int64_t version = 0;      // of the tenant, as the node knows it
  std::int64_t not_after_ms = 0; // in store time
  std::string agent;             // id; empty for a chat
  bool refuse = false;           // refused by the node, unless it is a repeat
  admission_limits limits;
  std::int64_t tokens = 0; // to begin with
  bool sent_before = false;
  std::string idempotency_key; // empty: none
  std::string body_hash;       // with idempotency_key
  std::string record_head;     // see record.hpp
};

struct admission_result {
  enum class verdict {
    admitted,
    late,
    fenced,
    no_key,
    stale,
    conflict,
    replay,
    refused,
    daily_limit,
    run_quota,
    token_quota
  };
  verdict what = verdict::late;
  std::int64_t started_ms = 0;          // admitted
  std::string run;                      // replay: the id of the earlier run
  std::optional<std::int64_t> day_left; // after this request; nothing where unlimited
  std::optional<std::int64_t> tokens_left;
};

[[nodiscard]] operation admit(const tenant_id& t, const admission& a);
/// Nothing if the reply is not one of `admit`.
[[nodiscard]] std::optional<admission_result> read_admission(const reply& r);

[[nodiscard]] operation progress(const operation_id& id, std::int64_t tokens);
/// Whether `progress` found the run ended.
[[nodiscard]] bool has_ended(const reply& r);

enum class ending { completed, failed, cancelled };
[[nodiscard]] const char* to_string(ending e) noexcept;

struct finish_figures {
  ending how = ending::completed;
  std::int64_t tokens = 0;
  std::int64_t duration_ms = 0;
};
/// `agent` and `record` are empty for a chat.
[[nodiscard]] operation finish(const tenant_id& t, const operation_id& id, const std::string& agent,
                               finish_figures figures, std::string record);

struct settlement {
  ending how = ending::failed;
  std::string error_json; // a JSON string or `null`
  std::optional<std::int64_t> not_after_ms = std::nullopt;
};
/// Ends what nobody drives to its own end.
[[nodiscard]] operation settle(const tenant_id& t, const operation_id& id, const std::string& agent,
                               settlement end);

struct end_result {
  enum class verdict { ended_now, ended_before, early };
  verdict what = verdict::ended_now;
  std::string record;  // of settle, and of finish that came too late; empty where there is none
  bool fenced = false; // of a chat's finish that came too late: someone else may have ended it
};
/// Of `finish` and `settle`.
[[nodiscard]] std::optional<end_result> read_end(const reply& r);

struct reading {
  acting_key key;
  std::int64_t version = 0;
  bool count = true; // as an API call
  bool check_key = true;

  /// On behalf of a request whose key was checked, and which was counted, before.
  [[nodiscard]] static reading unchecked() { return {{}, 0, false, false}; }
};
[[nodiscard]] operation check(const tenant_id& t, const reading& r);
[[nodiscard]] operation check_usage(const tenant_id& t, const reading& r);
[[nodiscard]] operation check_keys(const tenant_id& t, const reading& r);
[[nodiscard]] operation check_run(const tenant_id& t, const reading& r, const operation_id& run);
[[nodiscard]] operation check_runs(const tenant_id& t, const reading& r, const std::string& agent,
                                   std::int64_t first, std::int64_t last);
/// Counts an API call, without a look at any key.
[[nodiscard]] operation count_call(const tenant_id& t);

enum class check_verdict { ok, no_key, stale };
[[nodiscard]] std::optional<check_verdict> read_check(const reply& r);

/// A batch for one script call. Without an admission in it, it passes a full memory.
[[nodiscard]] command batch(const tenant_id& t, const incarnation_id& node,
                            const std::vector<operation>& operations);
/// The results in order; nothing if the reply does not fit `count` operations. An operation that
/// Redis could not carry out (logged) has a result that none of the readers above understands.
struct batch_results {
  std::int64_t now_ms = 0; // store time; 0 where no operation needed it
  std::vector<reply> results;
};
[[nodiscard]] std::optional<batch_results> read_batch(reply r, std::size_t count);

/// An open entry, as docs/store.md says.
struct open_entry {
  bool is_run = true;
  std::string incarnation;
  std::string day;
  std::int64_t tokens = 0;
  std::int64_t started_ms = 0;
  std::string agent;
};
[[nodiscard]] std::optional<open_entry> read_open_entry(std::string_view text);

} // namespace ares::store
