// What the simulated provider says where an answer of a certain form is asked for.
#pragma once

#include "conf/json.hpp"

namespace ares {

/// A small value that satisfies `schema`, as far as a simple reading of it goes: type, const, enum,
/// default, required properties, items and their minimum number, bounds of numbers and lengths, the
/// first of anyOf/oneOf, allOf merged, references into the same document. Deterministic, bounded in
/// depth and size, never throws. What it does not understand it leaves out.
[[nodiscard]] json schema_instance(const json& schema);

} // namespace ares
