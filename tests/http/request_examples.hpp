// Requests, good and hostile, with the status that each deserves: 200 for a good one, 0 for one
// that is not complete. They cover what Http11Probe and h1spec look at, and more. A body may have
// up to `example_body_bytes_max`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ares::test {

using namespace std::literals;

constexpr std::size_t example_body_bytes_max = 1000;

/// A GET with more headers, each with its CRLF.
inline std::string get_with(std::string_view headers) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

inline std::string post_with(std::string_view headers, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

inline std::string chunked(std::string_view body) {
  return post_with("Transfer-Encoding: chunked\r\n", body);
}

struct example {
  std::string bytes;
  int status;
};

inline const std::vector<example>& request_line_examples() {
  static const std::string host = "\r\nHost: a\r\n\r\n";
  static const std::vector<example> all{
      {"GET / HTTP/1.1" + host, 200},
      {"HEAD / HTTP/1.1" + host, 200},
      {"POST / HTTP/1.1" + host, 200},
      {"PUT / HTTP/1.1" + host, 200},
      {"PATCH / HTTP/1.1" + host, 200},
      {"DELETE / HTTP/1.1" + host, 200},
      {"OPTIONS / HTTP/1.1" + host, 200},
      {"OPTIONS * HTTP/1.1" + host, 200},
      {"GET * HTTP/1.1" + host, 400},
      {"TRACE / HTTP/1.1" + host, 501},
      {"CONNECT a:80 HTTP/1.1" + host, 501},
      {"BREW / HTTP/1.1" + host, 501},
      {"get / HTTP/1.1" + host, 501},
      {"G@T / HTTP/1.1" + host, 400},
      {" GET / HTTP/1.1" + host, 400},
      {"GET  / HTTP/1.1" + host, 400},
      {"GET /  HTTP/1.1" + host, 400},
      {"GET / HTTP/1.1 " + host, 400},
      {"GET\t/\tHTTP/1.1" + host, 400},
      {"GET /a b HTTP/1.1" + host, 400},
      {"GET HTTP/1.1" + host, 400},
      {"GET  HTTP/1.1" + host, 400},
      {"GET /" + host, 400},
      {"GET /\r\n", 400},
      {"   \r\n", 400},
      {"GET / HTTP/1.0\r\n\r\n", 200},
      {"GET / HTTP/0.9" + host, 400},
      {"GET / HTTP/1.2" + host, 505},
      {"GET / HTTP/2.0" + host, 505},
      {"GET / HTTP/3.1" + host, 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET / HTTP/1" + host, 400},
      {"GET / HTTP/1." + host, 400},
      {"GET / HTTP/1.10" + host, 400},
      {"GET / HTTP/01.1" + host, 400},
      {"GET / HTTP/01.01" + host, 400},
      {"GET / http/1.1" + host, 400},
      {"GET / HTTP/ 1.1" + host, 400},
      {"GET / HTTPS/1.1" + host, 400},
      {"GET / HTTP/1,1" + host, 400},
      {"GET /a#b HTTP/1.1" + host, 400},
      {"GET /a\\b HTTP/1.1" + host, 400},
      {"GET /\"a\" HTTP/1.1" + host, 400},
      {"GET /?a=<b> HTTP/1.1" + host, 400},
      {"GET /?a={b}|^` HTTP/1.1" + host, 200},
      {"GET /%0d%0aX:%20y HTTP/1.1" + host, 200},
      {"GET /%c0%af HTTP/1.1" + host, 200},
      {"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"GET /caf\xc3\xa9 HTTP/1.1" + host, 400},
      {"GET /\x7f HTTP/1.1" + host, 400},
      {"GET /%zz HTTP/1.1" + host, 400},
      {"GET /% HTTP/1.1" + host, 400},
      {"GET /%4 HTTP/1.1" + host, 400},
      {"GET /a%00b HTTP/1.1" + host, 400},
      {"GET /a%20b HTTP/1.1" + host, 200},
      {"GET a HTTP/1.1" + host, 400},
      {"GET ?a HTTP/1.1" + host, 400},
      {"GET http://b/ HTTP/1.1" + host, 200},
      {"GET https://b:8443/x HTTP/1.1" + host, 200},
      {"GET HTTP://b HTTP/1.1" + host, 200},
      {"GET ftp://b/ HTTP/1.1" + host, 400},
      {"GET http:/// HTTP/1.1" + host, 400},
      {"GET http:// HTTP/1.1" + host, 400},
      {"GET http://u@b/ HTTP/1.1" + host, 400},
      {"GET http://b:x/ HTTP/1.1" + host, 400},
      {"\r\nGET / HTTP/1.1" + host, 200},
      {"\r\n\r\nGET / HTTP/1.1" + host, 400},
      {"\nGET / HTTP/1.1" + host, 400},
      {"\rGET / HTTP/1.1" + host, 400},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"\x16\x03\x01\x02", 400},
      {"{\"a\":1}", 400},
      {std::string("\x00\x01\x02", 3), 400},
      {"G", 0},
      {"GET / HTTP/1.1", 0},
      {"\r", 0},
      {"", 0},
  };
  return all;
}

inline const std::vector<example>& header_examples() {
  static const std::string line = "GET / HTTP/1.1\r\n";
  static const std::vector<example> all{
      {line + "\r\n", 400},
      {line + "Host: a\r\nHost: a\r\n\r\n", 400},
      {line + "Host: a\r\nhOST: b\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET http://b/ HTTP/1.1\r\n\r\n", 400},
      {line + "Host:\r\n\r\n", 400},
      {line + "Host: \r\n\r\n", 400},
      {line + "Host: a, b\r\n\r\n", 400},
      {line + "Host: a b\r\n\r\n", 400},
      {line + "Host: a/b\r\n\r\n", 400},
      {line + "Host: u@a\r\n\r\n", 400},
      {line + "Host: a:b\r\n\r\n", 400},
      {line + "Host: a:99999\r\n\r\n", 400},
      {line + "Host: a:80:80\r\n\r\n", 400},
      {line + "Host: [::1\r\n\r\n", 400},
      {line + "Host: []\r\n\r\n", 400},
      {line + "Host: http://a\r\n\r\n", 400},
      {line + "Host: :80\r\n\r\n", 400},
      {line + "Host: a:80\r\n\r\n", 200},
      {line + "Host: a:\r\n\r\n", 200},
      {line + "Host: [::1]:80\r\n\r\n", 200},
      {line + "Host: [::ffff:1.2.3.4]\r\n\r\n", 200},
      {line + "hoSt:\ta\t\r\nempty:\r\n\r\n", 200},
      {line + " Host: a\r\n\r\n", 400},
      {get_with("X-Y : z\r\n"), 400},
      {get_with("X-Y\t: z\r\n"), 400},
      {get_with(": z\r\n"), 400},
      {get_with("X[]: z\r\n"), 400},
      {get_with("X\xc3\xab: z\r\n"), 400},
      {get_with("X Y: z\r\n"), 400},
      {get_with("no colon\r\n"), 400},
      {get_with("X: y\r\n folded\r\n"), 400},
      {get_with("X: y\r\n\tfolded\r\n"), 400},
      {get_with("X: y\nZ: a\r\n"), 400},
      {get_with("X: y\rz\r\n"), 400},
      {get_with("X: y\r\r\n"), 400},
      {get_with("X: y\x00z\r\n"s), 400},
      {get_with("X: y\x01z\r\n"), 400},
      {get_with("X: y\x7fz\r\n"), 400},
      {get_with("X: y\x0bz\r\n"), 400},
      {get_with("X: caf\xc3\xa9\r\n"), 200},
      {get_with("X: a\tb\r\n"), 200},
      {line + "Host: a\r\n\n", 400},
      {line + "Host: a\r\n\rX", 0},
      {get_with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 200},
      {get_with("Upgrade: websocket\r\nConnection: Upgrade\r\n"), 200},
      {get_with("Expect: 100-Continue\r\n"), 200},
      {get_with("Expect: 200-ok\r\n"), 417},
      {get_with("Expect: 100-continue, x\r\n"), 417},
      {"POST / HTTP/1.0\r\nExpect: x\r\n\r\n", 200},
  };
  return all;
}

inline const std::vector<example>& body_examples() {
  const auto with_length = [](std::string_view value, std::string_view body = "hello") {
    return post_with("Content-Length: " + std::string(value) + "\r\n", body);
  };
  const auto with_coding = [](std::string_view value) {
    return post_with("Transfer-Encoding: " + std::string(value) + "\r\n", "0\r\n\r\n");
  };
  static const std::vector<example> all{
      {with_length("5"), 200},
      {with_length(" 5 "), 200},
      {with_length("\t5"), 200},
      {with_length("005"), 200},
      {with_length("0"), 200},
      {with_length("00"), 200},
      {with_length("6"), 0},
      {with_length(""), 400},
      {with_length("+5"), 400},
      {with_length("-5"), 400},
      {with_length("-0"), 400},
      {with_length("0x5"), 400},
      {with_length("0o5"), 400},
      {with_length("5a"), 400},
      {with_length("5.0"), 400},
      {with_length("1_0"), 400},
      {with_length("1 0"), 400},
      {with_length("5, 5"), 400},
      {with_length("5, 6"), 400},
      {with_length("5\x00"s), 400},
      {with_length("1001"), 413},
      {with_length("10000000000"), 413},
      {with_length("18446744073709551615"), 413},
      {with_length("18446744073709551616"), 400},
      {with_length("99999999999999999999999"), 400},
      {post_with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {post_with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
      {post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
      {post_with("Content_Length: 5\r\n", ""), 200},
      {post_with("Transfer_Encoding: chunked\r\n", ""), 200},
      {post_with("", ""), 200},
      {post_with("Content-Length : 5\r\n", "hello"), 400},
      {post_with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {post_with("Content-Length: 1001\r\nExpect: 100-continue\r\n", ""), 413},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 200},
      {with_coding("chunked"), 200},
      {with_coding("Chunked"), 200},
      {with_coding("\tchunked "), 200},
      {with_coding("xchunked"), 400},
      {with_coding("chunked;a=b"), 400},
      {with_coding(""), 400},
      {with_coding(", chunked"), 400},
      {with_coding("chunked,"), 400},
      {with_coding("chunked, chunked"), 400},
      {with_coding("chunked, gzip"), 400},
      {with_coding("gzip, chunked"), 501},
      {with_coding("gzip"), 400},
      {with_coding("identity"), 400},
      {with_coding("identity, chunked"), 501},
      {with_coding("\"chunked\""), 400},
      {with_coding("\x0b"
                   "chunked"),
       400},
      {with_coding("\x0c"
                   "chunked"),
       400},
      {with_coding("chunked\x00"s), 400},
      {post_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 501},
      {post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "0\r\n\r\n"), 400},
      {post_with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
  };
  return all;
}

inline const std::vector<example>& chunk_examples() {
  static const std::vector<example> all{
      {chunked("0\r\n\r\n"), 200},
      {chunked("5\r\nhello\r\n0\r\n\r\n"), 200},
      {chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), 200},
      {chunked("A\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n"), 200},
      {chunked("0005\r\nhello\r\n0\r\n\r\n"), 200},
      {chunked("5;a\r\nhello\r\n0;b=c\r\n\r\n"), 200},
      {chunked("5 ; a = \"b\\\"; c\" ; d\r\nhello\r\n0\r\n\r\n"), 200},
      {chunked("5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 7\r\nHost: b\r\n\r\n"), 200},
      {chunked("5\r\nhello\r\n"), 0},
      {chunked("5\r\nhello\r\n0\r\n"), 0},
      {chunked("\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5\rhello\r\n0\r\n\r\n"), 400},
      {chunked("5\r\nhello\n0\r\n\r\n"), 400},
      {chunked("5\r\nhello\r0\r\n\r\n"), 400},
      {chunked("5\r\nhello0\r\n\r\n"), 400},
      {chunked("5\r\nhello world\r\n0\r\n\r\n"), 400},
      {chunked("5\r\nhello\r\n0\r\n\n"), 400},
      {chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5 \r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("+5\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("-5\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5_0\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("g\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;@\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;a=\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;a\x00\r\nhello\r\n0\r\n\r\n"s), 400},
      {chunked("5;a\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;a\rX\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;a b\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("5;" + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("3e9\r\n"), 413},
      {chunked("ffffffffffffffff\r\n"), 413},
      {chunked("fffffffffffffffff\r\n"), 400},
      {chunked("0000000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
      {chunked("3e8\r\n" + std::string(1000, 'a') + "\r\n1\r\nb\r\n0\r\n\r\n"), 413},
      {chunked("0\r\nX : y\r\n\r\n"), 400},
      {chunked("0\r\nX: y\nZ: a\r\n\r\n"), 400},
      {chunked("0\r\n folded\r\n\r\n"), 400},
  };
  return all;
}

inline const std::vector<example>& limit_examples() {
  const auto many = [](int count, std::size_t value_size) {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines += "X-" + std::to_string(i % 10) + ": " + std::string(value_size, 'v') + "\r\n";
    return lines;
  };
  const auto target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  static const std::vector<example> all{
      {target(8192), 200},
      {target(8193), 414},
      {target(100000), 414},
      {"GET /" + std::string(100000, 'a'), 414},
      {std::string(100000, 'G'), 400},
      {std::string(100, 'G') + " / HTTP/1.1\r\n", 501},
      {get_with("N: " + std::string(8191, 'v') + "\r\n"), 200},
      {get_with("N: " + std::string(8192, 'v') + "\r\n"), 431},
      {get_with("N: " + std::string(100000, 'v')), 431},
      {get_with(std::string(100000, 'n')), 431},
      {get_with(many(99, 1)), 200},
      {get_with(many(100, 1)), 431},
      {get_with(many(10000, 1)), 431},
      {get_with(many(4, 8000)), 200},
      {get_with(many(5, 8000)), 431},
      {chunked("0\r\n" + many(101, 1) + "\r\n"), 431},
      {chunked("0\r\n" + many(5, 8000) + "\r\n"), 431},
      {chunked("0\r\nN: " + std::string(8192, 'v') + "\r\n\r\n"), 431},
  };
  return all;
}

inline std::vector<example> all_examples() {
  std::vector<example> all;
  for (const auto* some : {&request_line_examples(), &header_examples(), &body_examples(),
                           &chunk_examples(), &limit_examples()})
    all.insert(all.end(), some->begin(), some->end());
  return all;
}

} // namespace ares::test
