#include "http/parser/request_parser.hpp"
#include "http/parser/syntax.hpp"
#include "tests/catch.hpp"
#include "tests/http/request_examples.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace ares::http;
using namespace ares::test;

namespace {

request_parser make_parser() {
  return request_parser({.body_bytes_max = example_body_bytes_max});
}

struct verdict {
  bool complete = false;
  parsed_request parsed;
  std::size_t consumed = 0;
  bool wants_continue = false;
};

/// Feeds pieces of the given size.
verdict parse(std::string_view bytes, std::size_t piece = std::string::npos) {
  auto parser = make_parser();
  verdict v;
  while (v.consumed < bytes.size() && !parser.complete()) {
    v.consumed += parser.feed(bytes.substr(v.consumed, piece));
    v.wants_continue |= parser.take_continue();
  }
  v.complete = parser.complete();
  if (v.complete)
    v.parsed = parser.take();
  return v;
}

/// 200 for a request that is fine, 0 for one that is not complete.
int status_of(const verdict& v) {
  if (!v.complete)
    return 0;
  return v.parsed.message.refused ? v.parsed.message.refused->status : 200;
}

int status_of(std::string_view bytes) {
  return status_of(parse(bytes));
}

void check(const std::vector<example>& examples) {
  for (const auto& e : examples) {
    INFO(e.bytes.substr(0, 200));
    CHECK(status_of(e.bytes) == e.status);
  }
}

} // namespace

TEST_CASE("a request line is judged strictly") {
  check(request_line_examples());
}

TEST_CASE("header lines are judged strictly") {
  check(header_examples());
}

TEST_CASE("the length of a body is told in one way only") {
  check(body_examples());
}

TEST_CASE("chunks are judged strictly") {
  check(chunk_examples());
}

TEST_CASE("a request that exceeds a limit is refused with the status of that limit") {
  check(limit_examples());
}

TEST_CASE("the verdict does not depend on how the bytes are cut") {
  for (const auto& e : all_examples()) {
    INFO(e.bytes.substr(0, 200));
    const auto whole = parse(e.bytes);
    const auto same = [&whole](const verdict& v) {
      const auto& a = whole.parsed.message;
      const auto& b = v.parsed.message;
      return status_of(whole) == status_of(v) && a.method == b.method && a.path == b.path &&
             a.query == b.query && a.body == b.body && a.headers.size() == b.headers.size() &&
             whole.parsed.keep_alive == v.parsed.keep_alive;
    };
    for (const std::size_t piece : {1, 2, 3, 7, 1000})
      CHECK(same(parse(e.bytes, piece)));
    if (e.bytes.size() > 2000)
      continue;
    for (std::size_t cut = 1; cut < e.bytes.size(); ++cut) {
      auto parser = make_parser();
      verdict v;
      v.consumed = parser.feed(std::string_view(e.bytes).substr(0, cut));
      if (!parser.complete())
        v.consumed = cut + parser.feed(std::string_view(e.bytes).substr(cut));
      v.complete = parser.complete();
      if (v.complete)
        v.parsed = parser.take();
      INFO(cut);
      CHECK(same(v));
      CHECK((status_of(v) != 200 || v.consumed == whole.consumed));
    }
  }
}

TEST_CASE("the parts of a request are handed over as they came") {
  const auto v = parse("POST /a%20b/c?d=e&f=?g HTTP/1.1\r\nHost: x:1\r\nX-Abc:  d e \r\n"
                       "Content-Length: 5\r\n\r\nhelloGET");
  REQUIRE(status_of(v) == 200);
  const auto& r = v.parsed.message;
  CHECK(r.method == "POST");
  CHECK(r.path == "/a%20b/c");
  CHECK(r.query == "d=e&f=?g");
  CHECK(r.body == "hello");
  CHECK(r.find("x-abc") == "d e");
  CHECK(r.find("HOST") == "x:1");
  CHECK_FALSE(r.find("absent"));
}

TEST_CASE("a header that came twice is counted and not found") {
  const auto v = parse(get_with("Authorization: a\r\nauthorization: b\r\n"));
  CHECK(v.parsed.message.count("Authorization") == 2);
  CHECK_FALSE(v.parsed.message.find("Authorization"));
}

TEST_CASE("an absolute target is taken apart and its authority replaces the host") {
  const auto v = parse("GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
  REQUIRE(status_of(v) == 200);
  CHECK(v.parsed.message.path == "/p");
  CHECK(v.parsed.message.query == "q");
  CHECK(v.parsed.message.find("Host") == "b:81");
  CHECK(parse("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").parsed.message.path == "/");
  CHECK(parse("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n").parsed.message.query == "q");
  CHECK(parse("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n").parsed.message.path == "*");
}

TEST_CASE("chunks are joined, their extensions and trailers are dropped") {
  const auto v = parse(chunked("5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Late: y\r\n\r\nrest"));
  REQUIRE(status_of(v) == 200);
  CHECK(v.parsed.message.body == "hello world");
  CHECK(v.parsed.message.count("X-Late") == 0);
}

TEST_CASE("a request ends where its framing says, and the next one begins there") {
  const std::string first = post_with("Content-Length: 5\r\n", "hello");
  const std::string both = first + "\r\n" + get_with("");
  auto parser = make_parser();
  CHECK(parser.feed(both) == first.size());
  CHECK(parser.take().message.body == "hello");
  CHECK(parser.feed(std::string_view(both).substr(first.size())) == both.size() - first.size());
  REQUIRE(parser.complete());
  CHECK(parser.take().message.method == "GET");
}

TEST_CASE("a connection is kept as the version and the Connection header say") {
  const auto keeps = [](std::string_view bytes) { return parse(bytes).parsed.keep_alive; };
  CHECK(keeps(get_with("")));
  CHECK(keeps(get_with("Connection: keep-alive\r\n")));
  CHECK_FALSE(keeps(get_with("Connection: Close\r\n")));
  CHECK_FALSE(keeps(get_with("Connection: foo\r\nConnection: bar , close\r\n")));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
}

TEST_CASE("a client is told to continue only if a body is to come and is acceptable") {
  CHECK(parse(post_with("Expect: 100-continue\r\nContent-Length: 5\r\n", "")).wants_continue);
  CHECK(parse(post_with("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""))
            .wants_continue);
  CHECK_FALSE(parse(post_with("Expect: 100-continue\r\nContent-Length: 0\r\n", "")).wants_continue);
  CHECK_FALSE(
      parse(post_with("Expect: 100-continue\r\nContent-Length: 9999\r\n", "")).wants_continue);
  CHECK_FALSE(
      parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").wants_continue);
}

TEST_CASE("a refused request carries what was known of it") {
  const auto v =
      parse("PUT /thing HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\nContent-Length: 5000\r\n\r\n");
  REQUIRE(status_of(v) == 413);
  CHECK(v.parsed.message.method == "PUT");
  CHECK(v.parsed.message.path == "/thing");
  CHECK(v.parsed.message.find("X-Request-Id") == "7");
  CHECK_FALSE(v.parsed.keep_alive);
}

TEST_CASE("the method of a refused request is known, whatever is wrong behind it") {
  const std::string host = "\r\nHost: a\r\n\r\n";
  for (const auto& rest :
       {"/%zz HTTP/1.1" + host, "* HTTP/1.1" + host, "/ HTTP/9.9" + host,
        std::string(9000, '/') + " HTTP/1.1" + host, "/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"s}) {
    INFO(rest.substr(0, 60));
    const auto v = parse("HEAD " + rest);
    REQUIRE(v.parsed.message.refused);
    CHECK(v.parsed.message.method == "HEAD");
  }
}

TEST_CASE("a request can be refused from outside at any time and only once") {
  auto parser = make_parser();
  parser.feed("GET / HT");
  CHECK(parser.started());
  parser.refuse(408, "late");
  parser.refuse(400, "again");
  REQUIRE(parser.complete());
  CHECK(parser.take().message.refused->status == 408);
  CHECK_FALSE(parser.started());
}
