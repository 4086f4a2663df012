// Server-sent events of a hostile provider: the events do not depend on how the bytes are cut, and
// what is held is bounded. The first byte chooses the size of the pieces.
#include "actors/providers/sse_parser.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace ares;
using fuzz::require;

namespace {

constexpr std::size_t event_bytes_max = 200;

struct outcome {
  bool accepted = true;
  std::vector<std::pair<std::string, std::string>> events;

  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome parse(std::string_view bytes, std::size_t piece) {
  sse_parser parser(event_bytes_max);
  outcome out;
  const auto handle = [&out](std::string_view name, std::string_view data) {
    require(name.size() <= event_bytes_max && data.size() <= event_bytes_max);
    require(name.find_first_of("\r\n") == name.npos && data.find('\r') == data.npos);
    out.events.emplace_back(name, data);
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const bool accepted = parser.feed(bytes.substr(at, piece), handle);
    require(out.accepted || !accepted); // once refused, refused for ever
    out.accepted = accepted;
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = fuzz::text_of(data, size);
  const std::size_t piece = 1 + fuzz::take_choice(bytes) % 64;
  const auto whole = parse(bytes, std::max<std::size_t>(bytes.size(), 1));
  require(whole == parse(bytes, piece));
  require(whole == parse(bytes, 1));
  return 0;
}
