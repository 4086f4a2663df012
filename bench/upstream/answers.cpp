#include "bench/upstream/answers.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace ares::bench {

namespace {

constexpr std::size_t stamp_digits = 19;
constexpr std::size_t request_bytes_max = 2 * 1024 * 1024;
constexpr std::string_view common = R"("id":"chatcmpl-1","created":1700000000,"model":"stand-in")";
constexpr std::string_view usage =
    R"("usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30})";

std::string chunk_of(std::string_view payload) {
  auto event = "data: " + std::string(payload) + "\n\n";
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", event.size());
  return size.data() + event + "\r\n";
}

std::string event_of(const std::string& choices, std::string_view more = "") {
  std::string text = "{";
  text += common;
  text += R"(,"object":"chat.completion.chunk","choices":[)" + choices + "]";
  text += more;
  return chunk_of(text + "}");
}

std::string choice_of(const std::string& delta, const std::string& finish_reason) {
  return R"({"index":0,"delta":)" + delta + R"(,"finish_reason":)" + finish_reason + "}";
}

// The value of a header, or nothing.
std::string_view header(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      line.remove_prefix(name.size() + 1);
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      return line;
    }
  }
  return {};
}

// Whether a JSON text says `"name":true`, with or without a blank. It is asked by programs that
// measure; a text that has these words in a string deserves what it gets.
bool says(std::string_view body, const std::string& name) {
  return body.find('"' + name + "\":true") != std::string_view::npos ||
         body.find('"' + name + "\": true") != std::string_view::npos;
}

} // namespace

upstream_answers::upstream_answers(const upstream_behaviour& how) {
  std::string text(how.piece_bytes > stamp_digits + 2 ? how.piece_bytes - stamp_digits - 2 : 0,
                   'x');
  auto body = "{" + std::string(common) +
              R"(,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",)"
              R"("content":"A stand-in answers."},"finish_reason":"stop"}],)" +
              std::string(usage) + "}";
  whole_ = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  beginning_ = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
               "Transfer-Encoding: chunked\r\n\r\n" +
               event_of(choice_of(R"({"role":"assistant","content":""})", "null"));
  auto stamped = "@" + std::string(stamp_digits, '0') + " " + text;
  piece_ = event_of(choice_of(R"({"content":")" + stamped + "\"}", "null"));
  stamp_at_ = piece_.find('@') + 1;
  auto finish = event_of(choice_of("{}", R"("stop")"));
  auto last = chunk_of("[DONE]") + "0\r\n\r\n";
  end_ = finish + last;
  end_with_usage_ = finish + event_of("", "," + std::string(usage)) + last;
}

void upstream_answers::append_piece(std::string& to, std::uint64_t now) const {
  auto at = to.size() + stamp_at_;
  to += piece_;
  for (std::size_t i = stamp_digits; i > 0; --i, now /= 10)
    to[at + i - 1] = static_cast<char>('0' + now % 10);
}

upstream_request read_upstream_request(std::string_view bytes) {
  upstream_request result;
  auto head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    result.malformed = bytes.size() > request_bytes_max;
    return result;
  }
  auto head = bytes.substr(0, head_end);
  std::size_t length = 0;
  if (auto text = header(head, "Content-Length"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    result.malformed = error != std::errc{} || length > request_bytes_max;
  }
  result.malformed = result.malformed || !header(head, "Transfer-Encoding").empty();
  result.bytes = head_end + 4 + length;
  result.complete = !result.malformed && bytes.size() >= result.bytes;
  if (!result.complete)
    return result;
  auto body = bytes.substr(head_end + 4, length);
  result.is_chat = head.starts_with("POST ");
  result.stream = result.is_chat && says(body, "stream");
  result.wants_usage = result.stream && says(body, "include_usage");
  return result;
}

} // namespace ares::bench
