// Percent-encoding, query strings and the route table.
#include "conf/utf8.hpp"
#include "http/routes.hpp"
#include "http/url.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string>

using namespace ares::http;
using ares::fuzz::require;

namespace {

std::string encode_all(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char c : text) {
    out += '%';
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

void check_decoding(std::string_view text) {
  const auto decoded = percent_decode(text);
  if (!decoded)
    return require(text.find('%') != text.npos);
  require(decoded->size() <= text.size());
  if (text.find('%') == text.npos)
    return require(*decoded == text);
  require(ares::valid_utf8(*decoded));
  if (text.find('\0') == text.npos)
    require(decoded->find('\0') == decoded->npos &&
            percent_decode(encode_all(*decoded)) == decoded);
}

void check_query(std::string_view text) {
  const auto query = query_parameters::parse(text);
  if (!query)
    return require(query.failure().code == ares::errc::invalid_request);
  for (const char* name : {"page", "per_page", "a", ""}) {
    const auto number = query->integer(name, 7, 1, 100);
    require(!number || (*number >= 1 && *number <= 100));
    require(query->find(name) != nullptr || (number && *number == 7));
  }
}

void check_route(std::string_view path) {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    const auto m = find_route(method, path);
    require(!m.found || !m.allowed.empty());
    require(!m.found || path.starts_with('/'));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ares::fuzz::text_of(data, size);
  check_decoding(text);
  check_query(text);
  check_route(text);
  return 0;
}
