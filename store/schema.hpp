// The version of what stands in Redis (docs/store.md), so that programs of different age do not
// spoil each other's store.
#pragma once

#include "conf/result.hpp"
#include "store/redis.hpp"

#include <variant>

namespace ares::store {

/// What this program reads and writes. Raised only by a change that an older program would
/// misread; then the newer one reads both, so that nodes can be exchanged one by one: first all
/// programs, then what they write.
inline constexpr int schema_version = 2;
/// What it still reads. Schema 1 had a field for each counter; no release wrote it.
inline constexpr int schema_version_oldest = 2;

/// Notes the version in a store that has none, and compares it in one that has. Waits for the
/// store's answer: for a start, never on a scheduler or HTTP thread.
/// Errors: internal (the store is of a newer version, or of one that is not read any more, in one
/// line for the operator);
/// store_unavailable (no answer).
[[nodiscard]] result<std::monostate> check_schema(redis& connection);

} // namespace ares::store
