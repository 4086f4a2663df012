// The HTTP server: bytes in, `request` out; `response` in, bytes out. The only translation unit
// that includes RESTinio is server.cpp; nothing of it shows here.
#pragma once

#include "conf/tls_context.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares::http {

struct header {
  std::string name;
  std::string value;
};

/// Why the front refused the bytes of a request. The handler still gets the request, answers it as
/// JSON with this status, and the connection is closed behind the answer.
struct refusal {
  int status;          // 400, 405, 408, 413, 414, 417, 431, 501, 505
  std::string message; // a sentence for the client
};

/// A request whose framing is valid (RFC 9112), or one with a `refused`.
struct request {
  std::string method;
  std::string path;            // of the target, still percent-encoded, starts with '/'; or "*"
  std::string query;           // behind '?', still percent-encoded; empty if none
  std::vector<header> headers; // names as they came; compare case-insensitively
  std::string body;
  std::string peer; // address of the client's end of the connection, without port
  std::optional<refusal> refused;

  /// The value of the only header of that name (any case); nothing if there is none or more.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
};

/// `Date`, `Content-Length` and `Connection` are the server's to add. A HEAD's body is never sent,
/// its length is.
struct response {
  int status = 200;
  std::vector<header> headers; // Content-Type among them
  std::string body;
  bool close = false; // close the connection behind it
};

/// A response body that is written piece by piece (chunked). Thread-safe. Dropping the last
/// reference closes the connection without the final chunk, so that a cut is seen as one.
class stream {
public:
  virtual ~stream() = default;
  /// One piece, written to the socket in one go, in order. `written` (may be empty) is called on an
  /// HTTP thread once the piece was handed to the kernel, or with false when the client is gone.
  virtual void write(std::string bytes, std::function<void(bool sent)> written) = 0;
  /// The final chunk; the connection lives on where keep-alive allows. Idempotent.
  virtual void finish() = 0;
  /// Bytes accepted by `write` that the kernel has not taken yet.
  [[nodiscard]] virtual std::size_t buffered_bytes() const noexcept = 0;
};

/// The duty to answer one request. Thread-safe, answered at most once: later answers are dropped.
/// Dropped unanswered, it answers 500 by itself. May be used on the handler's stack.
class exchange {
public:
  virtual ~exchange() = default;
  virtual void respond(response r) = 0;
  /// Sends the head (status and headers) with `Transfer-Encoding: chunked`; to an HTTP/1.0 client
  /// the pieces go unchunked and the connection is closed. Call it once the first piece is at hand.
  [[nodiscard]] virtual std::shared_ptr<stream> start_stream(int status,
                                                             std::vector<header> headers) = 0;

  /// What a FIN of the client means while its request is under way; a reset always means `gone`.
  enum class half_close { gets_its_answer, means_gone };
  /// `gone` is called at most once, on an HTTP thread, when the client left before the exchange was
  /// complete: within 1 s of a reset; with means_gone 500 ms after a FIN; also when it takes no
  /// byte of a stream for 15 s.
  virtual void watch(half_close meaning, std::function<void()> gone) = 0;
};

struct server_options {
  std::string host;
  std::uint16_t port = 0; // 0 picks one
  int threads = 1;        // one io_context each, SO_REUSEPORT
  std::size_t max_body_bytes = 1 << 20;
  int max_connections = 10000;
  std::chrono::milliseconds request_timeout{30000}; // to receive a whole request: 408 behind it
  std::chrono::milliseconds keep_alive_timeout{
      75000}; // idle between two requests: closed without a word
  std::chrono::milliseconds write_stall_max{15000};   // a client that takes no byte
  tls_context tls;                                    // none: plain HTTP
  std::chrono::milliseconds handshake_timeout{10000}; // from accepting to the end of TLS' handshake
  /// Names what the server answers by itself, without the handler; none: an empty name.
  /// Thread-safe.
  std::function<std::string()> new_request_id;
};

/// Called on an HTTP thread for every request, refused ones included. Must not block; may throw
/// (500).
using handler = std::function<void(request, std::shared_ptr<exchange>)>;

/// Called on an HTTP thread before a request becomes an exchange; what it returns is the answer,
/// and costs a fifth of an exchange. For refusals of an overloaded node: short, and only sometimes.
/// A request that it lets pass goes to the handler, and so may one that it answered, if the
/// client's connection does not take the answer at once.
using early_handler = std::function<std::optional<response>(const request&)>;

/// Owns the HTTP threads.
class server {
public:
  /// Binds and listens; throws std::runtime_error with one line if it cannot.
  server(server_options options, handler on_request, early_handler refuse_early = {});
  ~server(); // `stop`, if that was not done

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Connections accepted from now on get this certificate. Only for a server that was made with
  /// TLS, and not with none.
  void renew_tls(tls_context fresh);
  /// From now on every answer carries `Connection: close`; everybody is served as before.
  void close_behind_answers();
  /// Besides: who has connected by now is served, then no new connection is accepted; idle
  /// connections are closed. Who connected and has not asked yet may do so until `stop`.
  void drain();
  /// Requests received and not yet answered completely, streams included.
  [[nodiscard]] std::size_t in_flight() const noexcept;
  [[nodiscard]] std::size_t connections() const noexcept;
  /// Closes everything and joins the threads.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace ares::http
