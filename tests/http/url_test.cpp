#include "http/url.hpp"
#include "tests/catch.hpp"

#include <string>

using namespace ares;
using namespace ares::http;

namespace {

query_parameters parsed(std::string_view query) {
  auto q = query_parameters::parse(query);
  REQUIRE(q);
  return *q;
}

} // namespace

TEST_CASE("percent-encoding is decoded once") {
  CHECK(percent_decode("") == "");
  CHECK(percent_decode("a-b_c~d") == "a-b_c~d");
  CHECK(percent_decode("%41%2f%2F") == "A//");
  CHECK(percent_decode("%2541") == "%41");
  CHECK(percent_decode("caf%C3%A9") == "caf\xC3\xA9");
  CHECK(percent_decode("a+b") == "a+b");
}

TEST_CASE("a malformed escape is nothing") {
  for (const auto* text : {"%", "%4", "a%", "a%4", "%zz", "%4g", "%g4", "%%41", "% 41"}) {
    INFO(text);
    CHECK_FALSE(percent_decode(text));
  }
}

TEST_CASE("what decodes to NUL or to broken UTF-8 is nothing") {
  for (const auto* text :
       {"%00", "a%00b", "%FF", "%C3", "%C3%28", "%ED%A0%80", "%C0%AF", "%F5%80%80%80"}) {
    INFO(text);
    CHECK_FALSE(percent_decode(text));
  }
}

TEST_CASE("a query is names and values") {
  const auto q = parsed("page=2&per_page=&flag&a%20b=c+d%2B&&e=f=g&");
  REQUIRE(q.find("page"));
  CHECK(*q.find("page") == "2");
  REQUIRE(q.find("per_page"));
  CHECK(q.find("per_page")->empty());
  REQUIRE(q.find("flag"));
  CHECK(q.find("flag")->empty());
  REQUIRE(q.find("a b"));
  CHECK(*q.find("a b") == "c d+");
  REQUIRE(q.find("e"));
  CHECK(*q.find("e") == "f=g");
  CHECK_FALSE(q.find("Page"));
  CHECK_FALSE(q.find(""));
}

TEST_CASE("a repeated parameter is refused, however it is written") {
  for (const auto* query : {"a=1&a=1", "a&a", "a=1&%61=2", "x=1&a=&y&a="}) {
    INFO(query);
    const auto q = query_parameters::parse(query);
    REQUIRE_FALSE(q);
    CHECK(q.failure().code == errc::invalid_request);
    CHECK(q.failure().message == "The query parameter a is repeated");
  }
}

TEST_CASE("the complaint about a repeated parameter stays short") {
  const std::string name(5000, 'x');
  const auto q = query_parameters::parse(name + "=1&" + name + "=2");
  REQUIRE_FALSE(q);
  CHECK(q.failure().message.size() < 128);
}

TEST_CASE("a query with a malformed escape is refused") {
  for (const auto* query : {"a=%", "%zz=1", "a=1&b=%00", "a=%FF"}) {
    INFO(query);
    const auto q = query_parameters::parse(query);
    REQUIRE_FALSE(q);
    CHECK(q.failure().code == errc::invalid_request);
  }
}

TEST_CASE("an integer parameter has a default, a least and a most value") {
  const auto q = parsed("page=7&per_page=101&zeros=0012&huge=99999999999999999999999999");
  CHECK(*q.integer("none", 20, 1, 100) == 20);
  CHECK(*q.integer("page", 1, 1, 1000) == 7);
  CHECK(*q.integer("per_page", 20, 1, 100) == 100);
  CHECK(*q.integer("zeros", 1, 1, 100) == 12);
  CHECK(*q.integer("huge", 1, 1, 100) == 100);
  CHECK(*q.integer("huge", 1, 1, INT64_MAX) == INT64_MAX);
}

TEST_CASE("what is no such integer is refused by its name") {
  const auto q =
      parsed("zero=0&empty=&sign=-1&plus=%2B1&blank=+1&point=1.0&hex=0x1&word=one&arabic=%D9%A1");
  for (const auto* name :
       {"zero", "empty", "sign", "plus", "blank", "point", "hex", "word", "arabic"}) {
    INFO(name);
    const auto n = q.integer(name, 1, 1, 100);
    REQUIRE_FALSE(n);
    CHECK(n.failure().code == errc::invalid_request);
    CHECK(n.failure().message == std::string(name) + " must be an integer of at least 1");
  }
}
