#include "http/parser/syntax.hpp"
#include "http/server.hpp"

#include <algorithm>

namespace ares::http {

std::optional<std::string_view> request::find(std::string_view name) const noexcept {
  std::optional<std::string_view> found;
  for (const auto& h : headers) {
    if (!equals_ignoring_case(h.name, name))
      continue;
    if (found)
      return std::nullopt;
    found = h.value;
  }
  return found;
}

std::size_t request::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [name](const header& h) { return equals_ignoring_case(h.name, name); }));
}

} // namespace ares::http
