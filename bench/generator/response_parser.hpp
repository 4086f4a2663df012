#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ares::bench {

/// Takes the body of a response as it comes, without its framing.
class body_sink {
public:
  virtual ~body_sink() = default;
  virtual void body(std::string_view bytes) = 0;
};

/// Finds the end of HTTP/1.1 responses to anything but HEAD (RFC 9112, section 6.3): by length, in
/// chunks, without a body, or up to the end of the connection. As strict as a measurement needs: it
/// trusts the server with everything but the framing. Heads are at most 64 KiB.
class response_parser {
public:
  /// Takes bytes, and passes what belongs to the body to the sink (which may be null). Returns how
  /// many it took: fewer than there are only if the response is done or has failed before the rest.
  std::size_t feed(std::string_view bytes, body_sink* sink);
  /// The server has closed: that is the end of a body without a length, else a failure.
  void closed();
  /// For the next response on the connection.
  void reset();

  [[nodiscard]] bool done() const { return state_ == state::done; }
  [[nodiscard]] bool failed() const { return state_ == state::failed; }
  /// No byte of a response has come yet.
  [[nodiscard]] bool untouched() const { return state_ == state::head && head_.empty(); }
  /// 0 before the head is complete.
  [[nodiscard]] int status() const { return status_; }
  /// False if the server said that it closes.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

private:
  enum class state {
    head,
    counted,
    to_the_end,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    done,
    failed
  };

  std::size_t take_head(std::string_view bytes);
  void read_head(std::string_view head);
  void read_header(std::string_view name, std::string_view value);
  std::size_t take_counted(std::string_view bytes, body_sink* sink, state next);
  std::size_t take_line(std::string_view bytes);
  void line_complete();

  state state_ = state::head;
  int status_ = 0;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  std::uint64_t left_ = 0; // of the body or of the chunk, bytes
  std::string head_;       // only of a head that came in pieces
  std::string line_;       // of the chunks' framing, the same
};

} // namespace ares::bench
