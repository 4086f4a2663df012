// How a connection to a TLS port begins, and its input.
#include "conf/log.hpp"
#include "http/connection.hpp"

#include <asio/error.hpp>
#include <sys/socket.h>

#include <cerrno>

namespace ares::http {

namespace {

constexpr int reads_in_a_row_max = 8; // then the other connections of the thread have their turn

} // namespace

/// The first byte of the client says whether it speaks TLS.
connection::input connection::open_tls() {
  unsigned char first = 0;
  const auto peeked = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (peeked < 0 && (errno == EAGAIN || errno == EINTR))
    return input::more_wanted;
  if (peeked <= 0)
    return input::ended;
  if (first == tls_first_byte)
    tls_ = std::make_unique<tls_session>(*tls_context_, socket_.native_handle());
  else
    misdialled_ = true; // read and answered as what it is
  tls_context_.reset();
  return input::more_wanted;
}

connection::input connection::read_secured() {
  if (tls_context_)
    if (const auto opened = open_tls(); opened != input::more_wanted || !tls_)
      return opened;
  for (int i = 0; i < reads_in_a_row_max; ++i) {
    const auto into = read_buffer();
    const auto got = tls_->read(into.data(), into.size());
    if (!established_ && tls_->established())
      on_established();
    switch (got.reached) {
    case tls_session::state::wants_read:
      awaited_ = asio::ip::tcp::socket::wait_read;
      return input::more_wanted;
    case tls_session::state::wants_write:
      awaited_ = asio::ip::tcp::socket::wait_write;
      return input::more_wanted;
    case tls_session::state::ended: return on_read(asio::error::eof, 0);
    case tls_session::state::failed: return on_tls_failure();
    case tls_session::state::done: break;
    }
    if (const auto found = on_read({}, got.bytes); found != input::more_wanted)
      return found;
    if (!tls_->has_input()) {
      awaited_ = asio::ip::tcp::socket::wait_read;
      return input::more_wanted;
    }
  }
  awaited_ = asio::ip::tcp::socket::wait_write; // it nearly always can: soon
  return input::more_wanted;
}

void connection::on_established() {
  established_ = true;
  wait_for(http_thread::wait::next_request);
  set_deadline(thread_->shared().options.keep_alive_timeout);
}

connection::input connection::on_tls_failure() {
  if (!established_)
    log::debug("a TLS handshake failed", {{"peer", peer_}, {"reason", tls_->failure()}});
  lingers_ = true; // or the reset for what is still unread may overtake the alert
  return on_read(asio::error::connection_reset, 0);
}

} // namespace ares::http
