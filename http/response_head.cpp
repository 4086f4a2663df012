#include "http/response_head.hpp"

#include "http/parser/syntax.hpp"

#include <array>
#include <ctime>
#include <string_view>

namespace ares::http {

namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 204: return "No Content";
  case 304: return "Not Modified";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 413: return "Content Too Large";
  case 414: return "URI Too Long";
  case 415: return "Unsupported Media Type";
  case 417: return "Expectation Failed";
  case 422: return "Unprocessable Content";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 502: return "Bad Gateway";
  case 503: return "Service Unavailable";
  case 504: return "Gateway Timeout";
  case 505: return "HTTP Version Not Supported";
  default: return "Status"; // the phrase has no meaning (RFC 9112, 4)
  }
}

/// IMF-fixdate, rendered once a second and thread.
std::string_view current_date() {
  thread_local std::time_t rendered_at = 0;
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != rendered_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    rendered_at = now;
  }
  return {text.data(), size};
}

bool is_the_servers(std::string_view name) {
  for (const std::string_view own : {"date", "content-length", "connection", "transfer-encoding"})
    if (equals_ignoring_case(name, own))
      return true;
  return false;
}

void append_headers(std::string& out, const std::vector<header>& headers) {
  for (const auto& h : headers)
    if (is_token(h.name) && is_field_value(h.value) && !is_the_servers(h.name))
      out.append(h.name).append(": ").append(h.value).append("\r\n");
}

} // namespace

bool may_have_body(int status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

std::string render_head(int status, const std::vector<header>& headers,
                        std::optional<std::size_t> content_length, framing how) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  out.append(reason_phrase(status)).append("\r\nDate: ").append(current_date()).append("\r\n");
  append_headers(out, headers);
  if (may_have_body(status)) {
    if (content_length)
      out.append("Content-Length: ").append(std::to_string(*content_length)).append("\r\n");
    else if (!how.http_1_0)
      out.append("Transfer-Encoding: chunked\r\n");
  }
  if (how.close)
    out.append("Connection: close\r\n");
  else if (how.http_1_0)
    out.append("Connection: keep-alive\r\n");
  return out.append("\r\n");
}

} // namespace ares::http
