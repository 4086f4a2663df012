#include "bench/generator/sse_reader.hpp"
#include "tests/catch.hpp"

#include <string>
#include <vector>

using ares::bench::sse_reader;
using ares::bench::stamp_in;

TEST_CASE("events are counted however the stream is cut; comments and [DONE] are none") {
  const std::string stream = "data: {\"delta\": \"a\"}\n\n: keep-alive\n\ndata:b\r\n\r\n"
                             "event: x\ndata: [DONE]\n\ndata: c\n\n";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    sse_reader reader;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size(); at += size)
      reader.feed(std::string_view(stream).substr(at, size),
                  [&](std::string_view line) { lines.emplace_back(line); });
    CHECK(lines == std::vector<std::string>{"{\"delta\": \"a\"}", "b\r", "c"});
    CHECK(reader.comments() == 1);
  }
}

TEST_CASE("a stamp is found where there is one") {
  CHECK(stamp_in("{\"delta\": \"@12345678901234 \"}") == 12345678901234u);
  CHECK(stamp_in("a@b @1234567890\"") == 1234567890u);
  CHECK_FALSE(stamp_in("{\"delta\": \"me@example.org\"}"));
  CHECK_FALSE(stamp_in("@123"));
  CHECK_FALSE(stamp_in(""));
}
