// The connection itself: coming and going, input, time limits. Exchanges are in
// connection_exchange.cpp.
#include "http/connection.hpp"

#include "http/response.hpp"

#include <asio/error.hpp>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace ares::http {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t read_bytes_min = 2048; // held by every idle connection
constexpr std::size_t read_bytes_max = 65536;
constexpr auto half_close_grace = 500ms;
constexpr auto linger_time_max = 5000ms;
constexpr auto shed_linger_time_max = 1000ms;
constexpr std::size_t linger_bytes_max = 64 << 20;
constexpr std::size_t lingering_connections_max = 1000;

std::string address_of_peer(const asio::ip::tcp::socket& socket) {
  std::error_code error;
  auto address = socket.remote_endpoint(error).address();
  if (error)
    return {};
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

} // namespace

connection::connection(std::shared_ptr<http_thread> thread, asio::ip::tcp::socket socket)
    : thread_(std::move(thread)), socket_(std::move(socket)), peer_(address_of_peer(socket_)),
      parser_(parser_limits{.body_bytes_max = thread_->shared().options.max_body_bytes}),
      tls_context_(thread_->shared().current_tls()) {}

connection::~connection() {
  close_socket();
}

// -- coming and going
// -------------------------------------------------------------------------------

bool connection::admit() {
  std::error_code ignored;
  if (thread_->stopped()) {
    close_socket();
    return false;
  }
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (tls_context_)
    socket_.native_non_blocking(true, ignored);
  member = thread_->add(this);
  listed_ = true;
  auto& shared = thread_->shared();
  const auto limit = static_cast<std::size_t>(std::max(shared.options.max_connections, 1));
  if (shared.connections.fetch_add(1) >= limit) {
    shared.connections.fetch_sub(1);
    shed();
    return false;
  }
  counted_ = true;
  return true;
}

void connection::shed() {
  if (tls_context_)
    return close_socket(); // an answer would cost a handshake
  auto answer = own_refusal({errc::overloaded, "The server has too many connections"});
  answer.headers.push_back({"Retry-After", "1"});
  const auto head = render_head(answer.status, answer.headers, answer.body.size(), {.close = true});
  (void)say_at_once(head + answer.body);
  linger(shed_linger_time_max);
}

response connection::own_refusal(const error& why) const {
  const auto& named = thread_->shared().options.new_request_id;
  return render(why, named ? named() : std::string{});
}

void connection::release() {
  if (std::exchange(released_, true))
    return;
  const auto self = shared_from_this();
  lose_client();
  if (tls_ && is_open() && !resets_)
    tls_->say_goodbye();
  if (lingers_ && is_open())
    linger(linger_time_max);
  else
    close_socket();
}

void connection::cut() {
  const auto self = shared_from_this();
  if (waits_for == http_thread::wait::answer)
    reset_on_close();
  close_socket();
  lose_client();
}

void connection::reset_on_close() {
  std::error_code ignored;
  resets_ = true;
  if (is_open())
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
}

void connection::close_socket() {
  std::error_code ignored;
  if (is_open())
    socket_.close(ignored);
  if (std::exchange(listed_, false))
    thread_->remove(member, waits_for);
  if (std::exchange(counted_, false))
    thread_->shared().connections.fetch_sub(1);
}

/// Closing with input unread makes the kernel send a reset, which may overtake the answer. So the
/// sending side is closed first, and what still comes is read and dropped, for a while.
void connection::linger(std::chrono::milliseconds time_max) {
  if (thread_->waiting(http_thread::wait::client_to_close) >= lingering_connections_max)
    return close_socket();
  std::error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error)
    return close_socket();
  wait_for(http_thread::wait::client_to_close);
  set_deadline(time_max);
  buffer_.resize(read_bytes_max);
  drain_input();
}

void connection::drain_input() {
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const std::error_code& error, std::size_t n) {
                            self->lingered_bytes_ += n;
                            if (error || self->lingered_bytes_ > linger_bytes_max)
                              self->close_socket();
                            else
                              self->drain_input();
                          });
}

/// Into an empty send buffer: it takes such a short text at once, or the client is not reading.
bool connection::say_at_once(std::string_view text) {
  if (tls_)
    return tls_->write(text.data(), text.size()).bytes == text.size();
  const auto sent =
      ::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(text.size());
}

std::uint64_t connection::sent_bytes() const noexcept {
  return tls_ ? tls_->bytes_sent() : sent_bytes_;
}

// -- input
// ------------------------------------------------------------------------------------------

connection::input connection::begin_request() {
  timed_out_ = false;
  if (!is_open())
    return input::ended;
  if (tls_context_) {
    wait_for(http_thread::wait::handshake);
    set_deadline(thread_->shared().options.handshake_timeout);
    return input::more_wanted;
  }
  wait_for(http_thread::wait::next_request);
  set_deadline(thread_->shared().options.keep_alive_timeout);
  const bool has_input = unread_begin_ != unread_end_ || (tls_ && tls_->has_input());
  if (thread_->shared().draining && !has_input && has_asked())
    return input::ended;
  const auto found = parse();
  return found == input::more_wanted && tls_ && tls_->has_input() ? read_secured() : found;
}

asio::mutable_buffer connection::read_buffer() {
  const auto wanted = std::clamp(parser_.body_bytes_left(), read_bytes_min, read_bytes_max);
  if (wanted > buffer_.size() || buffer_.size() > 2 * wanted) {
    buffer_.resize(wanted);
    buffer_.shrink_to_fit();
  }
  return asio::buffer(buffer_);
}

connection::input connection::on_read(const std::error_code& error, std::size_t bytes) {
  if (!error) {
    unread_begin_ = 0;
    unread_end_ = bytes;
    return parse();
  }
  if (!is_open() || !parser_.started())
    return input::ended;
  if (timed_out_)
    parser_.refuse(408, "The request did not arrive in time");
  else if (error == asio::error::eof)
    parser_.refuse(400, "The request ended before it was complete");
  else
    return input::ended;
  return input::request;
}

connection::input connection::parse() {
  for (;;) {
    const auto found = parse_next();
    if (found != input::request || !refuse_early())
      return found;
  }
}

/// Answers without RESTinio, if the request is refused for an overload and the answer leaves at
/// once. Not over TLS, where half an answer could not be taken back.
bool connection::refuse_early() {
  auto& shared = thread_->shared();
  const auto& at_hand = parser_.peek();
  if (!shared.refuse_early || tls_ || at_hand.message.refused || !at_hand.keep_alive ||
      shared.closing)
    return false;
  const auto answer = shared.refuse_early(at_hand.message);
  if (!answer)
    return false;
  auto bytes = render_head(answer->status, answer->headers, answer->body.size(),
                           {.http_1_0 = at_hand.http_1_0});
  if (at_hand.message.method != "HEAD")
    bytes.append(answer->body);
  const auto sent =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0)
    return false;
  on_sent(static_cast<std::size_t>(sent));
  (void)parser_.take();
  if (static_cast<std::size_t>(sent) < bytes.size()) {
    reset_on_close(); // it does not read what it is answered
    close_socket();
  } else {
    wait_for(http_thread::wait::next_request);
    set_deadline(shared.options.keep_alive_timeout);
  }
  return true;
}

connection::input connection::parse_next() {
  if (!is_open())
    return input::ended;
  const std::string_view unread(buffer_.data() + unread_begin_, unread_end_ - unread_begin_);
  if (misdialled_) // not a byte of it is looked at
    parser_.refuse(400, "This port speaks HTTPS: the URL must start with https://");
  unread_begin_ += parser_.feed(unread);
  if (timed_out_ && parser_.started())
    parser_.refuse(408, "The request did not arrive in time");
  if (parser_.complete())
    return input::request;
  if (parser_.started() && waits_for == http_thread::wait::next_request) {
    wait_for(http_thread::wait::rest_of_request);
    set_deadline(thread_->shared().options.request_timeout);
  }
  if (parser_.take_continue() && !say_at_once("HTTP/1.1 100 Continue\r\n\r\n") && tls_)
    return input::ended; // a part of a record may have gone
  return input::more_wanted;
}

void connection::wait_for(http_thread::wait what) {
  thread_->move(member, waits_for, what);
  waits_for = what;
}

void connection::set_deadline(std::chrono::milliseconds after) {
  deadline = std::chrono::steady_clock::now() + after;
}

// -- the clock
// ----------------------------------------------------------------------------------------

void connection::on_deadline() {
  std::error_code ignored;
  if (waits_for == http_thread::wait::next_request && still_takes_answer())
    return;
  if (waits_for == http_thread::wait::client_to_close)
    return close_socket();
  timed_out_ = waits_for == http_thread::wait::rest_of_request;
  wait_for(waits_for); // to the end of its list
  set_deadline(thread_->shared().options.request_timeout);
  socket_.cancel(ignored); // `on_read` does the rest
}

short connection::watched_events() const noexcept {
  // A close_notify is input; behind a FIN there is none.
  return tls_ && !fin_at_ ? POLLRDHUP | POLLIN : POLLRDHUP;
}

/// An answer that the kernel took whole may still be on its way when the idle time is over. Who
/// takes some of it gets more time; who takes nothing is reset, or the kernel would go on holding
/// it.
bool connection::still_takes_answer() {
  const int queued = queued_bytes();
  if (queued <= 0 || std::chrono::steady_clock::now() < deadline) // a drain comes before its time
    return false;
  const auto acknowledged = sent_bytes() - static_cast<std::uint64_t>(queued);
  if (acknowledged == acknowledged_bytes_) {
    reset_on_close();
    return false;
  }
  acknowledged_bytes_ = acknowledged;
  wait_for(waits_for); // to the end of its list
  set_deadline(thread_->shared().options.write_stall_max);
  return true;
}

void connection::on_client_events(short events, steady_time now) {
  if (events & (POLLERR | POLLHUP | POLLNVAL))
    return cut();
  bool is_fin = (events & POLLRDHUP) != 0;
  if (tls_ && (events & POLLIN)) {
    const auto seen = tls_->look();
    if (seen == tls_session::state::failed)
      return cut();
    is_fin = is_fin || seen == tls_session::state::ended;
  }
  if (is_fin && !fin_at_)
    fin_at_ = now;
  if (!fin_at_)
    return;
  std::unique_lock lock(mutex_);
  const bool means_gone = half_close_ == exchange::half_close::means_gone;
  lock.unlock();
  if (means_gone && now - *fin_at_ >= half_close_grace)
    cut();
}

/// What the kernel holds for the client, who has not acknowledged it; negative if that is not
/// known.
int connection::queued_bytes() {
  int queued = 0;
  return is_open() && ::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) == 0 ? queued : -1;
}

/// What the client has acknowledged, not what the kernel took, is progress.
void connection::look_for_stall(steady_time now) {
  const int queued = queued_bytes();
  if (queued < 0)
    return;
  const auto acknowledged = sent_bytes() - static_cast<std::uint64_t>(queued);
  const bool nothing_to_take = queued == 0 && !transmitting_;
  if (nothing_to_take || acknowledged != acknowledged_bytes_) {
    acknowledged_bytes_ = acknowledged;
    progress_at_ = now;
  } else if (now - progress_at_ >= thread_->shared().options.write_stall_max) {
    cut();
  }
}

} // namespace ares::http
