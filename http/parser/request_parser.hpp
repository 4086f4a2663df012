// A strict parser of HTTP/1.0 and HTTP/1.1 requests (RFC 9110, RFC 9112): bytes in, one request
// out. Pure: no socket, no clock. The verdict does not depend on how the bytes are cut into pieces.
#pragma once

#include "http/server.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace ares::http {

struct parser_limits {
  std::size_t target_bytes_max = 8192;    // 414 above
  std::size_t header_bytes_max = 8192;    // name plus value; 431 above
  std::size_t headers_max = 100;          // trailers included; 431 above
  std::size_t head_bytes_max = 32768;     // all header lines, trailers included; 431 above
  std::size_t body_bytes_max = 1 << 20;   // 413 above
  std::size_t chunk_line_bytes_max = 256; // size and extensions; 400 above
  std::size_t extension_bytes_max = 8192; // of all chunks of a request; 400 above
};

/// What the connection needs to know of a request besides the request itself.
struct parsed_request {
  request message;
  bool keep_alive = false; // what the client asked for; a refused one is never kept
  bool http_1_0 = false;
};

class request_parser {
public:
  explicit request_parser(parser_limits limits) : limits_(limits) {}

  /// Takes bytes up to the end of the request and says how many; the rest belongs to the next one.
  std::size_t feed(std::string_view bytes);

  /// A request is at hand, whole or refused.
  [[nodiscard]] bool complete() const noexcept { return state_ == state::complete; }
  /// A byte of a request has been seen.
  [[nodiscard]] bool started() const noexcept {
    return state_ != state::request_line || !line_.empty();
  }
  /// The client waits for `100 Continue` before it sends the body. True once a request.
  [[nodiscard]] bool take_continue() noexcept { return std::exchange(now_.wants_continue, false); }
  /// Body bytes that are known to be still to come; a hint for the size of the next read.
  [[nodiscard]] std::size_t body_bytes_left() const noexcept {
    return state_ == state::body || state_ == state::chunk_data ? now_.left : 0;
  }

  /// Ends the request under way as refused; for what is not in the bytes (a time-out, the end of
  /// the input).
  void refuse(int status, std::string message);

  /// The request at hand.
  [[nodiscard]] const parsed_request& peek() const noexcept { return now_.result; }
  /// The request; the parser is ready for the next one.
  [[nodiscard]] parsed_request take();

private:
  enum class state {
    request_line,
    header_line,
    body,
    chunk_line,
    chunk_data,
    chunk_end,
    trailer_line,
    complete
  };

  void take_line(std::string_view& bytes);
  void take_body(std::string_view& bytes);
  [[nodiscard]] std::size_t line_bytes_max() const noexcept;
  void refuse_long_line(std::string_view start);

  void on_line(std::string_view line);
  void on_request_line(std::string_view line);
  bool on_method(std::string_view method);
  bool on_version(std::string_view version);
  void on_target(std::string_view target);
  bool on_absolute_target(std::string_view target);
  void on_field_line(std::string_view line);
  bool on_framing_field(std::string_view name, std::string_view value);
  void on_content_length(std::string_view value);
  void on_connection(std::string_view value);
  void on_end_of_headers();
  bool has_valid_host();
  bool has_valid_framing();
  void on_chunk_line(std::string_view line);
  void on_chunk_end(std::string_view line);

  /// What is known of the request under way.
  struct progress {
    parsed_request result;
    std::string authority; // of an absolute-form target; stands above Host
    std::string transfer_encoding;
    std::size_t left = 0; // bytes of the body, or of the chunk
    std::size_t head_bytes = 0;
    std::size_t fields = 0;
    std::size_t extension_bytes = 0;
    int hosts = 0;
    int content_lengths = 0;
    bool has_transfer_encoding = false;
    bool expects_continue = false;
    bool wants_continue = false;
    bool expects_other = false;
    bool says_close = false;
    bool says_keep_alive = false;
    bool skipped_empty_line = false;
  };

  parser_limits limits_;
  state state_ = state::request_line;
  std::string line_; // the start of a line whose end has not come yet
  progress now_;
};

} // namespace ares::http
