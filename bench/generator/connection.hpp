#pragma once

#include "bench/generator/response_parser.hpp"
#include "bench/generator/sse_reader.hpp"
#include "bench/generator/tally.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ares::bench {

/// The time that is measured, on the monotonic clock, ns; from `from` up to, but not including,
/// `to`.
struct window {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  [[nodiscard]] bool holds(std::uint64_t time) const { return time >= from && time < to; }
};

/// What all connections of a worker share.
struct connection_rules {
  sockaddr_in address{};
  int epoll = -1;
  bool stream = false;    ///< count the events of the answers
  bool keep_body = false; ///< keep the answers' bodies, at most `body_bytes_kept`
  window measured;        ///< events within it are counted
  static constexpr std::size_t body_bytes_kept = 64 * 1024;
};

/// A keep-alive connection that asks one question at a time. It never blocks. It tells epoll about
/// itself edge-triggered, for reading and writing, once. Of one thread; does not move in memory.
class connection final : private body_sink {
public:
  enum class phase { down, connecting, idle, busy };
  enum class event {
    nothing,    ///< still under way
    connected,  ///< idle now
    answered,   ///< status(), body(); idle now, or down if the server wanted that
    refused,    ///< down now: connecting failed
    broken,     ///< down now: the server closed before or within its answer
    malformed,  ///< down now: that was no HTTP
    idle_close, ///< down now: the server had enough, though nothing was asked
  };

  connection(const connection_rules& rules, tally& counts) : rules_(rules), counts_(counts) {}
  ~connection() override { close(); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Begins to connect. False if the system refuses that at once.
  bool open();
  /// Asks; the phase must be `idle`. `due` is where the latency begins.
  event ask(std::string_view request, std::uint64_t due, std::uint64_t now);
  /// epoll has something to say. `scratch` holds what is read, for this call only.
  event ready(std::uint32_t what, std::span<char> scratch);
  void close();

  [[nodiscard]] phase state() const { return phase_; }
  [[nodiscard]] std::uint64_t due() const { return due_; }
  [[nodiscard]] std::uint64_t asked_at() const { return asked_at_; }
  /// When the last bytes came.
  [[nodiscard]] std::uint64_t heard_at() const { return heard_at_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& answer() const { return answer_; }

private:
  void body(std::string_view bytes) override;
  void sse_event(std::string_view line);
  event finish_connecting();
  event write_rest();
  event read(std::span<char> scratch);
  event take(std::string_view bytes);
  event down(event why);

  const connection_rules& rules_;
  tally& counts_;
  int fd_ = -1;
  phase phase_ = phase::down;
  std::uint64_t due_ = 0;
  std::uint64_t asked_at_ = 0;
  std::uint64_t heard_at_ = 0;
  std::uint64_t last_event_at_ = 0; // 0 before the first of an answer
  int status_ = 0;
  std::string unsent_; // of the request
  std::string answer_;
  response_parser parser_;
  sse_reader events_;
};

} // namespace ares::bench
