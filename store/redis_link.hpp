// One connection to Redis: commands out, replies in, in order. No thread, no clock, no queue; the
// only part of ares that includes hiredis (it connects and parses; the bytes are sent here, because
// hiredis 0.14 can raise SIGPIPE and does not say what has left). Not thread-safe.
#pragma once

#include "store/redis.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct redisContext;

namespace ares::store {

class redis_link {
public:
  /// Begins to connect, without waiting. Look at `broken` first.
  explicit redis_link(const redis_address& where);
  ~redis_link();
  redis_link(const redis_link&) = delete;
  redis_link& operator=(const redis_link&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// Empty while all is well, else what ended the connection.
  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }

  /// Once the descriptor is writable: true if the connection stands, else `broken` says why.
  [[nodiscard]] bool finish_connecting();

  /// A command is `begin_command(n)` and n times `argument`; it leaves with the next `flush`.
  void begin_command(std::size_t arguments);
  void argument(std::string_view text);
  /// The same for a whole command; with a function as FCALL, with a script as EVALSHA, or as EVAL
  /// with its `whole_text`.
  void put(const command& c, bool whole_text);
  /// Sends what the socket takes now.
  void flush();

  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return out_.size() - out_begin_; }
  /// Positions in the stream of bytes: a command whose end lies behind `sent_position` was never
  /// complete on the wire and therefore cannot be executed once the connection is gone.
  [[nodiscard]] std::uint64_t sent_position() const noexcept { return sent_position_; }
  [[nodiscard]] std::uint64_t end_position() const noexcept {
    return sent_position_ + unsent_bytes();
  }

  /// Reads once and hands over every reply that is complete.
  void receive(const std::function<void(reply)>& take);

private:
  void fail(std::string why);

  struct free_context {
    void operator()(redisContext* c) const noexcept;
  };
  std::unique_ptr<redisContext, free_context> context_;
  int descriptor_ = -1;
  std::string broken_;
  std::string out_;
  std::size_t out_begin_ = 0;
  std::uint64_t sent_position_ = 0;
  std::unique_ptr<char[]> read_buffer_;
};

} // namespace ares::store
