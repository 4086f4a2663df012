#include "http/auth_limiter.hpp"
#include "tests/catch.hpp"

#include <string>

using namespace ares::http;
using namespace std::chrono_literals;

namespace {

const auto start = auth_limiter::time{} + 1h;
const std::vector<std::string> proxies{"10.0.0.1", "10.0.0.2"};

request from(std::string peer, std::vector<std::string> forwarded = {}) {
  request r;
  r.peer = std::move(peer);
  for (auto& value : forwarded)
    r.headers.push_back({"X-Forwarded-For", std::move(value)});
  return r;
}

} // namespace

TEST_CASE("an address is over its limit once it failed that often") {
  auth_limiter l;
  CHECK_FALSE(l.is_over("a", 2, start));
  l.failed("a", start);
  CHECK_FALSE(l.is_over("a", 2, start));
  l.failed("a", start + 1s);
  CHECK(l.is_over("a", 2, start + 1s));
  CHECK_FALSE(l.is_over("a", 3, start + 1s));
  CHECK_FALSE(l.is_over("b", 2, start + 1s));
}

TEST_CASE("a minute after its first failure an address may try again") {
  auth_limiter l;
  l.failed("a", start);
  l.failed("a", start + 59s);
  CHECK(l.is_over("a", 1, start + 59s));
  CHECK_FALSE(l.is_over("a", 1, start + 60s));
  l.failed("a", start + 61s);
  CHECK(l.is_over("a", 1, start + 61s));
  CHECK_FALSE(l.is_over("a", 2, start + 61s));
}

TEST_CASE("a limit of 0 is none") {
  auth_limiter l;
  for (int i = 0; i < 100; ++i)
    l.failed("a", start);
  CHECK_FALSE(l.is_over("a", 0, start));
}

TEST_CASE("the addresses remembered are bounded, and those that go on failing stay") {
  auth_limiter l;
  l.failed("guesser", start);
  for (int i = 0; i < 200000; ++i) {
    l.failed(std::to_string(i), start);
    if (i % 10000 == 0)
      l.failed("guesser", start);
  }
  CHECK(l.is_over("guesser", 21, start));
  CHECK(l.is_over("199999", 1, start));
  CHECK(l.is_over(std::to_string(200000 - 32768), 1, start));
  CHECK_FALSE(l.is_over(std::to_string(200000 - 65538), 1, start));
}

TEST_CASE("addresses of one IPv6 network of 64 bits are one") {
  auth_limiter l;
  l.failed("2001:db8:0:1::1", start);
  l.failed("2001:db8:0:1:ffff::2", start);
  CHECK(l.is_over("2001:db8:0:1:aaaa:bbbb:cccc:dddd", 2, start));
  CHECK_FALSE(l.is_over("2001:db8:0:2::1", 1, start));
  l.failed("10.0.0.1", start);
  CHECK_FALSE(l.is_over("10.0.0.2", 1, start));
}

TEST_CASE("a port behind a forwarded address is not part of it") {
  CHECK(client_address(from("10.0.0.1", {"1.2.3.4:567"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"[2001:db8::1]:567"}), proxies) == "2001:db8::1");
  CHECK(client_address(from("10.0.0.1", {"2001:db8::1"}), proxies) == "2001:db8::1");
  CHECK(client_address(from("10.0.0.1", {"[", "[]"}), proxies).size() < 64);
  CHECK(client_address(from("10.0.0.1", {"9.9.9.9, 10.0.0.2:80"}), proxies) == "9.9.9.9");
}

TEST_CASE("a peer that is no trusted proxy is the client, whatever it claims") {
  CHECK(client_address(from("1.2.3.4"), proxies) == "1.2.3.4");
  CHECK(client_address(from("1.2.3.4", {"9.9.9.9"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"9.9.9.9"}), {}) == "10.0.0.1");
}

TEST_CASE("behind trusted proxies the last address that is none of them is the client") {
  CHECK(client_address(from("10.0.0.1", {"1.2.3.4"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"9.9.9.9, 1.2.3.4"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"9.9.9.9 ,\t1.2.3.4\t,10.0.0.2"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"::1"}), proxies) == "::1");
}

TEST_CASE("a proxy that names nobody is the client itself") {
  CHECK(client_address(from("10.0.0.1"), proxies) == "10.0.0.1");
  CHECK(client_address(from("10.0.0.1", {"10.0.0.2"}), proxies) == "10.0.0.2");
}

TEST_CASE("several X-Forwarded-For headers are one list") {
  CHECK(client_address(from("10.0.0.1", {"9.9.9.9", "1.2.3.4"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {"1.2.3.4", "10.0.0.2"}), proxies) == "1.2.3.4");
}

TEST_CASE("empty entries of X-Forwarded-For are passed over") {
  CHECK(client_address(from("10.0.0.1", {"1.2.3.4,"}), proxies) == "1.2.3.4");
  CHECK(client_address(from("10.0.0.1", {" , "}), proxies) == "10.0.0.1");
}

TEST_CASE("an address taken from a header is bounded") {
  CHECK(client_address(from("10.0.0.1", {std::string(5000, 'x')}), proxies).size() == 64);
}
