#include "actors/providers/sse_parser.hpp"
#include "tests/catch.hpp"

#include <utility>
#include <vector>

using namespace ares;

namespace {

using events = std::vector<std::pair<std::string, std::string>>;

events parse(const std::vector<std::string>& pieces) {
  events found;
  sse_parser parser(1000);
  for (const auto& piece : pieces)
    CHECK(parser.feed(piece, [&](std::string_view name, std::string_view data) {
      found.emplace_back(name, data);
    }));
  return found;
}

} // namespace

TEST_CASE("events end with an empty line, whatever the line ends are") {
  const events expected{{"", "a"}, {"", "b"}};
  CHECK(parse({"data: a\n\ndata: b\n\n"}) == expected);
  CHECK(parse({"data: a\r\n\r\ndata: b\r\n\r\n"}) == expected);
  CHECK(parse({"data: a\r\rdata: b\r\r"}) == expected);
  CHECK(parse({"data: a\r\n\rdata: b\n\r\n"}) == expected);
}

TEST_CASE("fields are read as the standard says") {
  CHECK(parse({"data:a\ndata:  b\ndata\n\n"}) == events{{"", "a\n b\n"}});
  CHECK(parse({": comment\n:\ndata: a\n\n"}) == events{{"", "a"}});
  CHECK(parse({"event: error\nid: 7\nretry: 1\ndata: x: y\n\n"}) == events{{"error", "x: y"}});
  CHECK(parse({"event: lost\n\ndata: a\n\n"}) == events{{"", "a"}});
  CHECK(parse({"data:\n\n"}) == events{{"", ""}});
  CHECK(parse({"dat: a\nData: a\n\n\n\n"}).empty());
  CHECK(parse({"\xEF\xBB\xBF", "data: a\n\n"}) == events{{"", "a"}});
  CHECK(parse({"data: a\n\n\xEF\xBB\xBF"
               "data: b\n\n"}) == events{{"", "a"}});
}

TEST_CASE("an event without its empty line is none") {
  CHECK(parse({"data: a\n"}).empty());
  CHECK(parse({"data: a"}).empty());
}

TEST_CASE("a stream cut at any byte gives the same events") {
  const std::string stream =
      "\xEF\xBB\xBF: hi\r\nevent: x\r\ndata: \xC3\xA4\r\ndata:\r\n\r\ndata: b\r\rdata: c\n\n:\n";
  const auto whole = parse({stream});
  CHECK(whole.size() == 3);
  for (std::size_t first = 0; first <= stream.size(); ++first)
    for (std::size_t second = first; second <= stream.size(); ++second)
      CHECK(parse({stream.substr(0, first), stream.substr(first, second - first),
                   stream.substr(second)}) == whole);
  std::vector<std::string> bytes;
  for (char c : stream)
    bytes.emplace_back(1, c);
  CHECK(parse(bytes) == whole);
}

TEST_CASE("a line or an event over the bound ends the stream for good") {
  const auto ignore = [](std::string_view, std::string_view) {};
  sse_parser line(10);
  CHECK_FALSE(line.feed("data: 0123456789", ignore));
  CHECK_FALSE(line.feed("\n\n", ignore));
  sse_parser event(20);
  CHECK(event.feed("data: 0123456789\n", ignore));
  CHECK_FALSE(event.feed("data: 0123456789\n", ignore));
}
