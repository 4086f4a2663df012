// The HTTP parser: what it accepts is well-formed, and the verdict does not depend on the pieces.
// The first byte chooses the size of the pieces in which the rest is fed a second time.
#include "http/parser/request_parser.hpp"
#include "http/parser/syntax.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string_view>

using namespace ares::http;
using ares::fuzz::require;

namespace {

constexpr std::size_t body_bytes_max = 200;

void require_valid(const parsed_request& parsed) {
  const auto& r = parsed.message;
  require(parsed.http_1_0 ? r.count("host") <= 1 : r.count("host") == 1);
  require(r.count("content-length") + r.count("transfer-encoding") <= 1);
  require(r.body.size() <= body_bytes_max);
  require(!r.path.empty() && (r.path.front() == '/' || r.path == "*"));
  require(is_target_text(r.path) && is_target_text(r.query) && r.headers.size() <= 101);
  for (const auto& h : r.headers)
    require(is_token(h.name) && is_field_value(h.value));
}

bool equal(const parsed_request& a, const parsed_request& b) {
  const auto& x = a.message;
  const auto& y = b.message;
  return x.refused.has_value() == y.refused.has_value() &&
         (!x.refused || x.refused->status == y.refused->status) && x.method == y.method &&
         x.path == y.path && x.query == y.query && x.body == y.body &&
         x.headers.size() == y.headers.size() && a.keep_alive == b.keep_alive;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = ares::fuzz::text_of(data, size);
  const std::size_t piece = 1 + ares::fuzz::take_choice(bytes) % 64;
  request_parser at_once({.body_bytes_max = body_bytes_max});
  request_parser in_pieces({.body_bytes_max = body_bytes_max});
  while (!bytes.empty()) {
    const auto consumed = at_once.feed(bytes);
    std::size_t consumed_in_pieces = 0;
    while (consumed_in_pieces < bytes.size() && !in_pieces.complete())
      consumed_in_pieces += in_pieces.feed(bytes.substr(consumed_in_pieces, piece));
    require(at_once.complete() == in_pieces.complete());
    if (!at_once.complete())
      return 0;
    const auto parsed = at_once.take();
    require(equal(parsed, in_pieces.take()));
    if (parsed.message.refused)
      return 0;
    require(consumed == consumed_in_pieces);
    require_valid(parsed);
    bytes.remove_prefix(consumed);
  }
  return 0;
}
