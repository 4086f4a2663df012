#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ares::bench {

/// Reads the lines of an event stream (WHATWG HTML, section 9.2) as far as counting needs: each
/// `data:` line is an event, but for OpenAI's closing `[DONE]`; a line that begins with a colon is
/// a comment.
class sse_reader {
public:
  /// Takes bytes of the stream; calls `event(line)` for each event among them, where `line` is what
  /// stands behind `data:`, and lives for the call only.
  template <class Event> void feed(std::string_view bytes, Event&& event) {
    while (!bytes.empty()) {
      auto end = bytes.find('\n');
      if (end == std::string_view::npos) {
        if (rest_.size() + bytes.size() <= line_bytes_max)
          rest_.append(bytes);
        return;
      }
      auto line = bytes.substr(0, end);
      if (rest_.empty()) {
        take(line, event);
      } else {
        rest_.append(line);
        take(rest_, event);
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
  }

  [[nodiscard]] std::uint64_t comments() const { return comments_; }
  void reset() { rest_.clear(); }

private:
  static constexpr std::size_t line_bytes_max = 1024 * 1024;

  template <class Event> void take(std::string_view line, Event&& event) {
    if (line.starts_with("data:")) {
      line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
      if (!line.starts_with("[DONE]"))
        event(line);
    } else if (line.starts_with(":")) {
      ++comments_;
    }
  }

  std::string rest_; // of a line that came in pieces
  std::uint64_t comments_ = 0;
};

/// What our stand-in upstream writes into each piece of text: when it was sent, as `@` and 16 to 20
/// digits of the monotonic clock, ns. Nothing if the line has none.
std::optional<std::uint64_t> stamp_in(std::string_view line);

} // namespace ares::bench
