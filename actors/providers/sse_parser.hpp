// Server-sent events as they arrive, byte by byte if need be (WHATWG HTML, section 9.2.6).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace ares {

/// Lines end with LF, CR or CRLF; comments, `id` and `retry` are skipped; an event that is not
/// ended by an empty line is none. Holds at most twice `event_bytes_max`.
class sse_parser {
public:
  /// Called with the event's name (mostly empty) and data; the views end with the call.
  using event_handler = std::function<void(std::string_view name, std::string_view data)>;

  explicit sse_parser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  /// Hands every event that `bytes` complete to `handle`. False, for ever, once a line or an event
  /// is over the bound.
  [[nodiscard]] bool feed(std::string_view bytes, const event_handler& handle);

private:
  void end_line(std::string_view line, const event_handler& handle);
  void take_field(std::string_view line);
  void dispatch(const event_handler& handle);

  std::size_t event_bytes_max_;
  std::string line_; // the beginning of a line whose end has not come
  std::string name_, data_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_line_ = true;
  bool overflow_ = false;
};

} // namespace ares
