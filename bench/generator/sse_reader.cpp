#include "bench/generator/sse_reader.hpp"

#include <charconv>

namespace ares::bench {

std::optional<std::uint64_t> stamp_in(std::string_view line) {
  for (auto at = line.find('@'); at != std::string_view::npos; at = line.find('@', at + 1)) {
    std::uint64_t stamp = 0;
    auto digits = line.substr(at + 1, 20);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), stamp);
    if (error == std::errc{} && end - digits.data() >= 10)
      return stamp;
  }
  return std::nullopt;
}

} // namespace ares::bench
