// One client's connection: its socket, the parser in front of it and the exchange under way.
// RESTinio drives it through the socket type in server.cpp: it asks for the next request, writes
// the answer, and closes. There is at most one exchange at a time.
#pragma once

#include "conf/result.hpp"
#include "http/http_thread.hpp"
#include "http/parser/request_parser.hpp"
#include "http/response_head.hpp"
#include "http/server.hpp"
#include "http/tls_session.hpp"

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares::http {

class connection : public std::enable_shared_from_this<connection> {
public:
  connection(std::shared_ptr<http_thread> thread, asio::ip::tcp::socket socket);
  ~connection();

  // -- for RESTinio's socket, on the HTTP thread ----------------------------------------------

  asio::ip::tcp::socket& socket() noexcept { return socket_; }
  [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
  /// Counts the connection and starts its clock. False if there are too many: it has then been
  /// answered 503 and closes by itself.
  [[nodiscard]] bool admit();

  enum class input { more_wanted, request, ended };
  /// The next request is wanted; the exchange before it is complete. Looks at what has come
  /// already.
  input begin_request();
  asio::mutable_buffer read_buffer();
  input on_read(const std::error_code& error, std::size_t bytes);
  /// Nothing is known of the client yet, or it speaks TLS: input comes from `read_secured`.
  [[nodiscard]] bool is_secured() const noexcept { return tls_context_ || tls_; }
  /// Takes what has come; where more is wanted, `awaited` says when to come again.
  input read_secured();
  [[nodiscard]] asio::ip::tcp::socket::wait_type awaited() const noexcept { return awaited_; }
  tls_session::progress write_secured(asio::const_buffer bytes) {
    return tls_->write(bytes.data(), bytes.size());
  }
  void on_sent(std::size_t bytes) noexcept { sent_bytes_ += bytes; }
  /// RESTinio is done with the connection.
  void release();

  /// What the server answers by itself, where the handler did not or was not asked. Thread-safe.
  [[nodiscard]] response own_refusal(const error& why) const;

  // -- for RESTinio's request handler, on the HTTP thread --------------------------------------

  /// Hands the request that `on_read` announced to the server's handler.
  void begin_exchange(reply_path path);
  void on_group_written(bool sent);

  // -- for an exchange and its stream, from any thread; `exchange` is its number ---------------

  void respond(std::uint64_t exchange, response r);
  void start_stream(std::uint64_t exchange, int status, std::vector<header> headers);
  void write(std::uint64_t exchange, std::string bytes, std::function<void(bool)> written);
  void finish(std::uint64_t exchange);
  void cut_stream(std::uint64_t exchange);
  void watch(std::uint64_t exchange, exchange::half_close meaning, std::function<void()> gone);
  [[nodiscard]] std::size_t buffered_bytes(std::uint64_t exchange) const noexcept;

  // -- for the thread -----------------------------------------------------------------------------

  /// Writes what other threads left here.
  void flush();
  void on_deadline();
  /// A request has come on it; who connected without one yet is about to send it.
  [[nodiscard]] bool has_asked() const noexcept { return exchange_ > 0; }
  /// What `poll` is to look for while the request is being answered.
  [[nodiscard]] short watched_events() const noexcept;
  [[nodiscard]] bool is_half_closed() const noexcept { return fin_at_.has_value(); }
  void on_client_events(short events, steady_time now);
  void look_for_stall(steady_time now);
  /// Resets the connection; whoever waits for its exchange is told.
  void cut();

  http_thread::member member;
  http_thread::wait waits_for = http_thread::wait::next_request;
  steady_time deadline;

private:
  struct piece {
    std::string bytes;
    std::function<void(bool)> written;
  };
  enum class phase { none, unanswered, streaming, ending, gone };
  enum class end { open, complete, cut };
  enum class body_form { none, raw, chunked }; // of a stream

  input parse();
  input parse_next();
  bool refuse_early();
  void wait_for(http_thread::wait what);
  void set_deadline(std::chrono::milliseconds after);
  void close_socket();
  void reset_on_close();
  void shed();
  void linger(std::chrono::milliseconds time_max);
  void drain_input();
  [[nodiscard]] bool say_at_once(std::string_view text);
  [[nodiscard]] std::uint64_t sent_bytes() const noexcept;
  [[nodiscard]] int queued_bytes();
  bool still_takes_answer();
  input open_tls();
  void on_established();
  input on_tls_failure();
  void complete_exchange();
  void lose_client();
  /// Under the mutex: the exchange of that number is the one under way, and in that phase.
  [[nodiscard]] bool is_in(std::uint64_t exchange, phase wanted) const noexcept;
  void end_stream(std::uint64_t exchange, end how);
  /// Has `flush` called; lets go of the mutex first.
  void schedule(std::unique_lock<std::mutex> lock);
  void schedule(std::unique_lock<std::mutex> lock, std::function<void()> call);
  [[nodiscard]] bool has_outgoing() const noexcept;
  outgoing take_outgoing();
  void append_piece(std::string& out, const std::string& bytes) const;

  const std::shared_ptr<http_thread> thread_;
  asio::ip::tcp::socket socket_;
  const std::string peer_;

  // On the HTTP thread only.
  request_parser parser_;
  std::vector<char> buffer_;
  std::size_t unread_begin_ = 0;
  std::size_t unread_end_ = 0;
  bool listed_ = false;
  bool counted_ = false;
  bool timed_out_ = false;
  bool lingers_ = false; // a response that closes has been written whole
  bool resets_ = false;
  bool released_ = false;
  std::size_t lingered_bytes_ = 0;
  reply_path path_;
  bool transmitting_ = false;
  bool last_in_transit_ = false;
  std::size_t bytes_in_transit_ = 0;
  std::vector<std::function<void(bool)>> in_transit_;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  steady_time progress_at_;
  std::optional<steady_time> fin_at_;
  // With TLS: at first the context, then, from the client's first byte on, a session or, where the
  // client speaks plain HTTP, neither.
  tls_context tls_context_;
  std::unique_ptr<tls_session> tls_;
  bool established_ = false;
  bool misdialled_ = false; // plain HTTP to a TLS port
  asio::ip::tcp::socket::wait_type awaited_ = asio::ip::tcp::socket::wait_read;

  // Under the mutex.
  mutable std::mutex mutex_;
  std::uint64_t exchange_ = 0;
  phase phase_ = phase::none;
  framing framing_;
  std::string head_;
  std::string body_;
  std::vector<piece> pieces_;
  body_form form_ = body_form::none;
  end end_ = end::open;
  std::size_t buffered_bytes_ = 0;
  exchange::half_close half_close_ = exchange::half_close::gets_its_answer;
  std::function<void()> gone_;
  std::vector<std::function<void()>> calls_;
  bool scheduled_ = false;
};

} // namespace ares::http
