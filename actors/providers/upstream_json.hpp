// JSON as real upstreams write it: mostly right, hostile if need be.
#pragma once

#include "conf/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ares {

/// A value from an upstream. Reading it never throws: a member that is not there or of another type
/// is null.
struct upstream_json {
  json root;
  bool shielded = false; // some strings hold bytes that are no UTF-8, in disguise: see `text`

  /// The bytes of a string, a character cut in two included; empty if `value` is no string.
  [[nodiscard]] std::string text(const json& value) const;
};

/// Depth at most 64, duplicate keys: the last one counts. Invalid UTF-8 inside strings is kept
/// (servers cut characters between two events), a lone surrogate becomes U+FFFD. Never throws.
[[nodiscard]] std::optional<upstream_json> parse_upstream_json(std::string_view text);

/// The member of an object; null for anything else.
[[nodiscard]] const json& member(const json& object, const char* key);

} // namespace ares
