// What an upstream says when it refuses, made fit for our use. Pure functions.
#pragma once

#include "actors/providers/transport.hpp"
#include "actors/providers/upstream_json.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares {

/// The wait that `retry-after-ms` or `retry-after` (seconds or an HTTP date, RFC 9110
/// section 10.2.3) asks for.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const http_headers& headers,
                                                                   std::int64_t now_unix_s);

/// The upstream's own words made fit for a client: at most 300 characters on one line, links, keys
/// and everything in `hidden` taken out.
[[nodiscard]] std::string presentable(std::string_view message,
                                      const std::vector<std::string>& hidden);

/// `message` of an error document in one of the usual forms; empty if there is none.
[[nodiscard]] std::string upstream_error_message(const upstream_json& document);

/// A number of tokens, if it makes sense as one.
[[nodiscard]] std::optional<std::int64_t> token_count(const json& value);

} // namespace ares
