// The socket type that RESTinio's connections work with. It needs nothing of RESTinio: reading from
// it gives a ticket for a request that has been parsed already, writing goes straight through.
#pragma once

#include "http/connection.hpp"
#include "http/http_thread.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace ares::http {

/// What the socket hands to RESTinio in place of a request's bytes: where the parsed request is.
/// It comes back to the request handler as the request's target.
using ticket = connection*;
// NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is what travels.
inline constexpr std::size_t ticket_bytes = sizeof(ticket);

/// Finds the http_thread of an io_context, for RESTinio passes on nothing else.
class thread_of_context final : public asio::execution_context::service {
public:
  using key_type = thread_of_context;
  static inline asio::execution_context::id id;
  explicit thread_of_context(asio::execution_context& context) : service(context) {}
  void shutdown() override {}
  std::weak_ptr<http_thread> thread;
};

/// A step of an asynchronous operation in front of RESTinio's own handler.
template <class Handler> struct step {
  connection* at; // lives as long as RESTinio's connection, which the handler holds
  Handler handler;

  using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
  [[nodiscard]] executor_type get_executor() const noexcept {
    return asio::get_associated_executor(handler, at->socket().get_executor());
  }
  using allocator_type = asio::associated_allocator_t<Handler>;
  [[nodiscard]] allocator_type get_allocator() const noexcept {
    return asio::get_associated_allocator(handler);
  }
};

/// Reads until a request is complete, then hands over its ticket.
template <class Handler> struct read_step : step<Handler> {
  asio::mutable_buffer restinios_buffer;

  void operator()(const std::error_code& error, std::size_t bytes) {
    proceed(this->at->on_read(error, bytes));
  }
  /// A wait of a connection with TLS is over.
  void operator()(const std::error_code& error) {
    proceed(error ? this->at->on_read(error, 0) : this->at->read_secured());
  }

  void proceed(connection::input input) {
    if (input != connection::input::more_wanted)
      complete(input);
    else if (this->at->is_secured())
      this->at->socket().async_wait(this->at->awaited(), std::move(*this));
    else
      this->at->socket().async_read_some(this->at->read_buffer(), std::move(*this));
  }

  void complete(connection::input input) {
    if (input == connection::input::ended || !this->at->is_open())
      return this->handler(asio::error::eof, 0);
    const ticket t = this->at;
    std::memcpy(restinios_buffer.data(), &t, ticket_bytes);
    this->handler(std::error_code{}, ticket_bytes);
  }
};

template <class Handler> struct write_step : step<Handler> {
  void operator()(const std::error_code& error, std::size_t bytes) {
    this->at->on_sent(bytes);
    // RESTinio takes `operation_aborted` for its own doing and would never close.
    this->handler(error == asio::error::operation_aborted
                      ? std::error_code(asio::error::connection_reset)
                      : error,
                  bytes);
  }
};

/// Writes a part through TLS: as much as makes a record.
template <class Handler> struct secured_write_step : step<Handler> {
  asio::const_buffer bytes;

  void operator()(const std::error_code& error) {
    if (error)
      return complete({tls_session::state::failed});
    const auto written = this->at->write_secured(bytes);
    if (is_over(written))
      complete(written);
    else
      wait(written);
  }

  static bool is_over(const tls_session::progress& written) {
    return written.reached != tls_session::state::wants_read &&
           written.reached != tls_session::state::wants_write;
  }
  void wait(const tls_session::progress& written) {
    const auto what = written.reached == tls_session::state::wants_write
                          ? asio::ip::tcp::socket::wait_write
                          : asio::ip::tcp::socket::wait_read;
    this->at->socket().async_wait(what, std::move(*this));
  }
  void complete(const tls_session::progress& written) {
    const bool done = written.reached == tls_session::state::done;
    this->handler(done ? std::error_code{} : std::error_code(asio::error::connection_reset),
                  written.bytes);
  }
};

/// RESTinio's `stream_socket_t`: until a client is accepted a bare socket, then a connection.
class front_socket {
public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = asio::ip::tcp::socket::lowest_layer_type;

  explicit front_socket(asio::io_context& io) : accepting_(io) {}
  front_socket(front_socket&&) = default;
  front_socket& operator=(front_socket&&) = delete;
  ~front_socket() { close(); }

  /// Makes a connection of the accepted socket. False if it is one too many.
  bool admit() {
    auto& context = asio::query(accepting_.get_executor(), asio::execution::context);
    auto thread = asio::use_service<thread_of_context>(context).thread.lock();
    connection_ = std::make_shared<connection>(std::move(thread), std::move(accepting_));
    return connection_->admit();
  }

  executor_type get_executor() { return lowest_layer().get_executor(); }
  lowest_layer_type& lowest_layer() { return connection_ ? connection_->socket() : accepting_; }
  [[nodiscard]] bool is_open() const { return connection_ && connection_->is_open(); }

  template <class Handler> void async_read_some(asio::mutable_buffer buffer, Handler&& handler) {
    using read = read_step<std::decay_t<Handler>>;
    const auto input = connection_->begin_request();
    read next{{connection_.get(), std::forward<Handler>(handler)}, buffer};
    if (input == connection::input::more_wanted)
      return next.proceed(input);
    asio::post(get_executor(), [next = std::move(next), input]() mutable { next.complete(input); });
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (connection_->is_secured())
      return write_secured(buffers, std::forward<Handler>(handler));
    connection_->socket().async_write_some(
        buffers,
        write_step<std::decay_t<Handler>>{{connection_.get(), std::forward<Handler>(handler)}});
  }

  // Nothing to cancel: nothing is read while an answer is written.
  void cancel(std::error_code&) {}
  // The connection itself knows how to close.
  void shutdown(asio::ip::tcp::socket::shutdown_type, std::error_code&) {}
  void close() {
    if (connection_)
      connection_->release();
  }

private:
  template <class Buffers, class Handler>
  void write_secured(const Buffers& buffers, Handler&& handler) {
    asio::const_buffer first;
    for (auto b = asio::buffer_sequence_begin(buffers);
         b != asio::buffer_sequence_end(buffers) && first.size() == 0; ++b)
      first = *b;
    secured_write_step<std::decay_t<Handler>> next{
        {connection_.get(), std::forward<Handler>(handler)}, first};
    const auto written = connection_->write_secured(first);
    if (!next.is_over(written))
      return next.wait(written);
    asio::post(get_executor(),
               [next = std::move(next), written]() mutable { next.complete(written); });
  }

  asio::ip::tcp::socket accepting_;
  std::shared_ptr<connection> connection_;
};

} // namespace ares::http
