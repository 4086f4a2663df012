#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ares::bench {

/// How the stand-in upstream behaves.
struct upstream_behaviour {
  std::uint16_t port = 0;    ///< 0: a free one
  unsigned latency_ms = 0;   ///< before the answer, or before the first chunk of a stream
  unsigned chunks = 4;       ///< pieces of text of a stream
  unsigned interval_ms = 0;  ///< between them; 0: all at once, in one write
  unsigned piece_bytes = 32; ///< length of a piece of text, the stamp included; at least 24
};

/// The answers, written once: what a request is answered with is only copied, and stamped. The
/// format is that of OpenAI's chat completions; a stream's pieces are chunks of HTTP and events of
/// SSE alike.
class upstream_answers {
public:
  explicit upstream_answers(const upstream_behaviour& how);

  /// Head and body of the answer that is no stream.
  [[nodiscard]] const std::string& whole() const { return whole_; }
  /// The head of a stream and its first event, which only says who speaks.
  [[nodiscard]] const std::string& beginning() const { return beginning_; }
  /// Appends a piece of text that says when it was sent: monotonic ns.
  void append_piece(std::string& to, std::uint64_t now) const;
  /// The finish reason, the usage if the request asked for it, and the end.
  [[nodiscard]] const std::string& end(bool with_usage) const {
    return with_usage ? end_with_usage_ : end_;
  }

private:
  std::string whole_;
  std::string beginning_;
  std::string piece_;
  std::size_t stamp_at_ = 0; // of the stamp's digits in the piece
  std::string end_;
  std::string end_with_usage_;
};

/// A request, as far as the upstream understands it.
struct upstream_request {
  bool complete = false;
  bool malformed = false;   ///< or longer than 2 MiB, or without a length that can be read
  std::size_t bytes = 0;    ///< of head and body
  bool is_chat = false;     ///< a POST; anything else is greeted
  bool stream = false;      ///< asks for a stream
  bool wants_usage = false; ///< and for the usage at its end
};

/// Reads the request that the bytes begin with.
upstream_request read_upstream_request(std::string_view bytes);

} // namespace ares::bench
