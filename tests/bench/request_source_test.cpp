#include "bench/generator/request_source.hpp"
#include "tests/catch.hpp"

using ares::bench::request_source;
using ares::bench::request_template;

TEST_CASE("keys are taken in turn, numbers are never used twice, the length is the body's") {
  request_template what;
  what.method = "POST";
  what.host = "127.0.0.1:80";
  what.path = "/run/{n}";
  what.headers = {"Authorization: Bearer {key}"};
  what.body = "number {n} of {key}";
  const std::vector<std::string> keys{"a", "bb", "ccc"};

  request_source even(what, keys, {0, 2, 9});
  request_source odd(what, keys, {1, 2, 9});
  CHECK(even.next() == "POST /run/9 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer a\r\n"
                       "Content-Length: 13\r\n\r\nnumber 9 of a");
  CHECK(odd.next() == "POST /run/10 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer bb\r\n"
                      "Content-Length: 15\r\n\r\nnumber 10 of bb");
  CHECK(even.next() == "POST /run/11 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer "
                       "ccc\r\nContent-Length: 16\r\n\r\nnumber 11 of ccc");
}

TEST_CASE("a GET has no body") {
  request_template what;
  what.host = "h";
  const std::vector<std::string> no_keys;
  request_source source(what, no_keys, {});
  CHECK(source.next() == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(source.next() == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}
