// JSON at the edge: strict reading of hostile bytes (RFC 8259), with positions.
#pragma once

#include "conf/result.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ares {

using json = nlohmann::json;
/// Keeps the order of the keys as they came.
using ordered_json = nlohmann::ordered_json;

struct json_limits {
  std::size_t depth_max = 64; // the root is depth 1
};

/// Checks `text` without building anything: exactly one JSON value, valid UTF-8, no byte order
/// mark, no lone surrogate, no duplicate key in any object, no number outside a double's range,
/// nothing behind it but white space, depth within the limit. The error (`invalid_json`) names
/// the byte position. Time and memory are linear in the text; no recursion.
[[nodiscard]] result<std::monostate> check_json(std::string_view text, json_limits limits = {});

/// `check_json`, then the value. Never throws.
[[nodiscard]] result<json> parse_json(std::string_view text, json_limits limits = {});

/// `text` (already checked) without the white space between tokens; the tokens as they came, so
/// that numbers keep every digit.
[[nodiscard]] std::string minify_json(std::string_view text);

/// The bytes of the value of `key` in the object `text` (already checked); empty if there is none.
[[nodiscard]] std::string_view json_member(std::string_view text, std::string_view key);

/// One line; invalid UTF-8 from a provider becomes U+FFFD. Never throws.
[[nodiscard]] std::string dump_json(const json& value);
/// `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string quote_json(std::string_view text);

} // namespace ares
