// Every Redis key of ares is built here and nowhere else. All keys of a tenant carry its id as hash
// tag, so one script works on one slot. No key name contains a date: Redis TIME decides the day.
// The layout, field by field, is in docs/store.md.
#pragma once

#include "conf/ids.hpp"
#include "conf/secret.hpp"

#include <string>
#include <string_view>

namespace ares::store::keys {

// -- in the slot of a tenant --------------------------------------------------

[[nodiscard]] std::string tenant(const tenant_id& t);      // {T}:t     hash
[[nodiscard]] std::string agents(const tenant_id& t);      // {T}:a     hash: name -> JSON
[[nodiscard]] std::string gone_agents(const tenant_id& t); // {T}:g     hash: agent id -> name
[[nodiscard]] std::string last_used(const tenant_id& t);   // {T}:l     hash: key id -> unix s
[[nodiscard]] std::string usage(const tenant_id& t);       // {T}:u     hash
[[nodiscard]] std::string open(const tenant_id& t);        // {T}:open  hash: operation -> entry
[[nodiscard]] std::string outbox(const tenant_id& t);      // {T}:o     list of audit entries
[[nodiscard]] std::string record(const tenant_id& t,
                                 std::string_view run); // {T}:r:RUN string: JSON
[[nodiscard]] std::string history(const tenant_id& t,
                                  std::string_view agent); // {T}:h:AGENT sorted set of run ids
[[nodiscard]] std::string idempotency(const tenant_id& t, std::string_view agent,
                                      std::string_view key); // {T}:i:AGENT:KEY string, 24 h

// -- outside: hints and the platform ------------------------------------------

[[nodiscard]] std::string
name_claim(std::string_view tenant_name); // ares:name:NAME -> "ID|claim" or "ID|final"
[[nodiscard]] std::string key_hint(const secret_hash& h);    // ares:key:HEX -> tenant id
[[nodiscard]] std::string key_hint_of(std::string_view hex); // likewise, of a stored hash
[[nodiscard]] std::string upkeep();  // ares:upkeep   string: a sweep was begun
[[nodiscard]] std::string trimmed(); // ares:trimmed  string: tenant up to which runs were trimmed
[[nodiscard]] std::string tenants(); // ares:tenants  sorted set of ids, score 0
[[nodiscard]] std::string audit();   // ares:audit    sorted set of entries, score 0
[[nodiscard]] std::string schema();  // ares:schema   string: version of what stands here
[[nodiscard]] std::string nodes();   // {ares}:nodes  hash: incarnation -> JSON
[[nodiscard]] std::string beats();   // {ares}:beats  hash: incarnation -> counter
[[nodiscard]] std::string node_tenants(const incarnation_id& n); // {ares}:node:INC:tenants set

} // namespace ares::store::keys
