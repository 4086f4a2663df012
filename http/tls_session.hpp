// The TLS side of one connection: OpenSSL over a non-blocking socket. It holds what OpenSSL needs
// and no buffers of its own, so that an idle connection stays small.
#pragma once

#include "conf/tls_context.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct ssl_st; // OpenSSL's SSL

namespace ares::http {

/// Used on one thread. The process must ignore SIGPIPE: OpenSSL writes to clients that are gone.
class tls_session {
public:
  /// As server, on a connected socket that outlives it and does not block. Throws std::bad_alloc.
  tls_session(ssl_ctx_st& context, int descriptor);

  enum class state {
    done,
    wants_read,  // nothing now: when the socket can be read
    wants_write, // nothing now: when the socket can be written
    ended,       // the client has said that it sends no more
    failed,      // for good; an alert has been sent where there is one
  };
  struct progress {
    state reached;
    std::size_t bytes = 0; // with done
  };

  /// Shakes hands first. At most one record a call.
  progress read(void* into, std::size_t bytes_max);
  /// Up to 16 KiB make one record, which is then with the kernel whole. After `wants_write` the
  /// same bytes must be given again.
  progress write(const void* bytes, std::size_t size);

  [[nodiscard]] bool established() const noexcept;
  /// Bytes of the client, or their end, are here that a poll of the socket does not show.
  [[nodiscard]] bool has_input() const noexcept;
  /// Looks at what has come without taking it: has the client said that it sends no more (`ended`)?
  state look();
  /// Says that nothing more is sent, if that can be said at once.
  void say_goodbye() noexcept;

  /// Put into the socket, records and handshake as they are on the wire.
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept;
  /// Why it failed, for a log; nothing that the client sent is in it.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
  progress judge(int returned, std::size_t bytes);

  struct release {
    void operator()(ssl_st* session) const noexcept;
  };
  std::unique_ptr<ssl_st, release> session_;
  std::string failure_;
  bool broken_ = false;
};

/// The first byte of every TLS connection: a record of the handshake (RFC 8446, 5.1).
constexpr unsigned char tls_first_byte = 0x16;

} // namespace ares::http
