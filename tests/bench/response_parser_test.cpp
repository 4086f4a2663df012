#include "bench/generator/response_parser.hpp"
#include "tests/catch.hpp"

#include <string>

using ares::bench::body_sink;
using ares::bench::response_parser;

namespace {

struct collector : body_sink {
  void body(std::string_view bytes) override { text += bytes; }
  std::string text;
};

// Feeds the bytes in pieces of that size, as a socket may deliver them.
std::size_t feed(response_parser& parser, std::string_view bytes, std::size_t size,
                 body_sink* sink) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.done() && !parser.failed())
    taken += parser.feed(bytes.substr(taken, size), sink);
  return taken;
}

} // namespace

TEST_CASE("a response ends where its framing says, however it is cut") {
  struct example {
    std::string bytes;
    int status;
    std::string body;
    bool keep_alive;
  };
  const example examples[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
      {"HTTP/1.1 200 OK\r\ncontent-length:5 \r\nX: y\r\n\r\nhello", 200, "hello", true},
      {"HTTP/1.1 503 Busy\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n{}", 503, "{}", false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, "", true},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x",
       true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
       200, "abc0123456789", true},
  };
  for (const auto& one : examples) {
    for (std::size_t size = 1; size <= one.bytes.size(); ++size) {
      response_parser parser;
      collector body;
      CHECK(parser.untouched());
      CHECK(feed(parser, one.bytes, size, &body) == one.bytes.size());
      CHECK(parser.done());
      CHECK(parser.status() == one.status);
      CHECK(parser.keep_alive() == one.keep_alive);
      CHECK(body.text == one.body);
    }
  }
}

TEST_CASE("what follows a response is left for the next one") {
  std::string one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  response_parser parser;
  CHECK(parser.feed(one + one, nullptr) == one.size());
  CHECK(parser.done());
  parser.reset();
  CHECK(parser.untouched());
  CHECK(parser.feed(one, nullptr) == one.size());
  CHECK(parser.done());
}

TEST_CASE("a body without a length ends with the connection") {
  response_parser parser;
  collector body;
  parser.feed("HTTP/1.1 200 OK\r\n\r\nsome", &body);
  CHECK_FALSE(parser.done());
  parser.feed("thing", &body);
  parser.closed();
  CHECK(parser.done());
  CHECK_FALSE(parser.keep_alive());
  CHECK(body.text == "something");
}

TEST_CASE("a connection that ends within a response is a failure") {
  for (const char* bytes : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    response_parser parser;
    parser.feed(bytes, nullptr);
    CHECK_FALSE(parser.done());
    parser.closed();
    CHECK(parser.failed());
  }
}

TEST_CASE("what is no HTTP/1.1 is a failure") {
  for (const std::string& bytes :
       {std::string("SSH-2.0-x\r\n\r\n"), std::string("HTTP/1.1 abc OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                    "chunked\r\n\r\nzz\r\n"),
        std::string(100'000, 'x')}) {
    response_parser parser;
    feed(parser, bytes, 4096, nullptr);
    CHECK(parser.failed());
  }
}
