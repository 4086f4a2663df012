// Percent-encoding and query strings (RFC 3986), decoded once.
#pragma once

#include "conf/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares::http {

/// Nothing for a malformed escape, for %00 and for what is not UTF-8 once decoded.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// The parameters of a query string, each name at most once.
class query_parameters {
public:
  /// Error (invalid_request): a malformed escape, a repeated parameter.
  [[nodiscard]] static result<query_parameters> parse(std::string_view query);

  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
  /// An integer of digits only; `otherwise` if the parameter is not there. What is larger than
  /// `most` counts as `most`. Error: not such an integer, or below `least`.
  [[nodiscard]] result<std::int64_t> integer(std::string_view name, std::int64_t otherwise,
                                             std::int64_t least, std::int64_t most) const;

private:
  std::vector<std::pair<std::string, std::string>> all_;
};

} // namespace ares::http
