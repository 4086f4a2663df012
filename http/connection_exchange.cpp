// The exchange under way on a connection: what handlers leave here from any thread, and how it is
// handed to RESTinio piece by piece.
#include "http/connection.hpp"
#include "http/exchange.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace ares::http {

namespace {

constexpr std::size_t copied_body_bytes_max = 16384; // a longer body is not copied behind its head
// What the kernel holds of a stream; twice that with its bookkeeping. Above it the producer waits.
constexpr int stream_send_buffer_bytes = 65536;

/// Callbacks belong to others; what they throw must not end this connection or its thread.
template <class Callback, class... Arguments>
void notify(const Callback& callback, Arguments... arguments) noexcept {
  try {
    if (callback)
      callback(arguments...);
  } catch (...) {
  }
}

} // namespace

// -- the exchange, on the HTTP thread
// -----------------------------------------------------------------

void connection::begin_exchange(reply_path path) {
  auto parsed = parser_.take();
  parsed.message.peer = peer_;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++exchange_;
    phase_ = phase::unanswered;
    framing_ = {.head_only = parsed.message.method == "HEAD",
                .http_1_0 = parsed.http_1_0,
                .close = !parsed.keep_alive};
    end_ = end::open;
    half_close_ = exchange::half_close::gets_its_answer;
  }
  path_ = std::move(path);
  wait_for(http_thread::wait::answer);
  progress_at_ = std::chrono::steady_clock::now();
  fin_at_.reset();
  auto& shared = thread_->shared();
  shared.in_flight.fetch_add(1);
  auto duty = make_exchange(shared_from_this(), number);
  try {
    shared.on_request(std::move(parsed.message), std::move(duty));
  } catch (...) {
    // The duty is dropped by now, and with that answered.
  }
}

void connection::flush() {
  outgoing out;
  bool has_more = false;
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    calls.swap(calls_);
    has_more = !transmitting_ && has_outgoing();
    if (has_more)
      out = take_outgoing();
  }
  for (const auto& call : calls)
    notify(call);
  if (!has_more)
    return;
  const auto path = out.last ? std::move(path_) : path_;
  path.write(path, *this, std::move(out));
}

bool connection::has_outgoing() const noexcept {
  return (phase_ == phase::streaming || phase_ == phase::ending) &&
         (!head_.empty() || !pieces_.empty() || end_ != end::open);
}

outgoing connection::take_outgoing() {
  outgoing out;
  out.bytes = std::exchange(head_, {});
  out.body = std::exchange(body_, {});
  for (auto& p : pieces_) {
    append_piece(out.bytes, p.bytes);
    bytes_in_transit_ += p.bytes.size();
    in_transit_.push_back(std::move(p.written));
    p.bytes = {};
  }
  pieces_.clear();
  if (end_ == end::complete && form_ == body_form::chunked)
    out.bytes.append("0\r\n\r\n");
  out.last = end_ != end::open;
  out.close = framing_.close || end_ == end::cut;
  transmitting_ = true;
  last_in_transit_ = out.last;
  return out;
}

void connection::append_piece(std::string& out, const std::string& bytes) const {
  if (form_ == body_form::none || bytes.empty())
    return;
  if (form_ == body_form::raw) {
    out.append(bytes);
    return;
  }
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  out.reserve(out.size() + bytes.size() + 32);
  out.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

void connection::on_group_written(bool sent) {
  const auto self = shared_from_this();
  transmitting_ = false;
  const auto callbacks = std::exchange(in_transit_, {});
  if (bytes_in_transit_ > 0) {
    const std::lock_guard lock(mutex_);
    buffered_bytes_ -= std::exchange(bytes_in_transit_, 0);
  }
  for (const auto& written : callbacks)
    notify(written, sent);
  if (!sent)
    lose_client();
  else if (last_in_transit_)
    complete_exchange();
  else
    flush();
}

void connection::complete_exchange() {
  last_in_transit_ = false;
  std::function<void()> gone; // destroyed outside of the mutex
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != phase::ending)
      return;
    phase_ = phase::none;
    gone.swap(gone_);
    lingers_ = framing_.close || end_ == end::cut;
    if (end_ == end::cut && form_ == body_form::raw) {
      lingers_ = false; // HTTP/1.0 has no other sign of a cut than a reset
      reset_on_close();
    }
  }
  thread_->shared().in_flight.fetch_sub(1);
}

/// The client is gone: whoever waits for the exchange is told, and RESTinio is let go.
void connection::lose_client() {
  std::function<void()> gone;
  std::vector<piece> pieces;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == phase::none || phase_ == phase::gone)
      return;
    phase_ = phase::gone;
    gone.swap(gone_);
    pieces.swap(pieces_);
    for (const auto& p : pieces)
      buffered_bytes_ -= p.bytes.size();
    head_ = {};
    body_ = {};
  }
  thread_->shared().in_flight.fetch_sub(1);
  const auto self = shared_from_this();
  const auto path = std::exchange(path_, {}); // may end RESTinio's connection, last
  for (const auto& p : pieces)
    notify(p.written, false);
  notify(gone);
}

// -- the exchange, from any thread
// --------------------------------------------------------------------

bool connection::is_in(std::uint64_t exchange, phase wanted) const noexcept {
  return exchange == exchange_ && phase_ == wanted;
}

void connection::respond(std::uint64_t exchange, response r) {
  std::unique_lock lock(mutex_);
  if (!is_in(exchange, phase::unanswered))
    return;
  framing_.close = framing_.close || r.close || thread_->shared().closing;
  head_ = render_head(r.status, r.headers, r.body.size(), framing_);
  if (!framing_.head_only && may_have_body(r.status)) {
    if (r.body.size() <= copied_body_bytes_max)
      head_.append(r.body);
    else
      body_ = std::move(r.body);
  }
  phase_ = phase::ending;
  end_ = end::complete;
  form_ = body_form::none;
  schedule(std::move(lock));
}

void connection::start_stream(std::uint64_t exchange, int status, std::vector<header> headers) {
  std::unique_lock lock(mutex_);
  if (!is_in(exchange, phase::unanswered))
    return;
  framing_.close = framing_.close || framing_.http_1_0 || thread_->shared().closing;
  head_ = render_head(status, headers, std::nullopt, framing_);
  form_ = framing_.head_only || !may_have_body(status) ? body_form::none
          : framing_.http_1_0                          ? body_form::raw
                                                       : body_form::chunked;
  phase_ = phase::streaming;
  schedule(std::move(lock), [this] {
    std::error_code ignored;
    if (is_open())
      socket_.set_option(asio::socket_base::send_buffer_size(stream_send_buffer_bytes), ignored);
  });
}

void connection::write(std::uint64_t exchange, std::string bytes,
                       std::function<void(bool)> written) {
  std::unique_lock lock(mutex_);
  if (!is_in(exchange, phase::streaming)) {
    if (written)
      schedule(std::move(lock), [written = std::move(written)] { written(false); });
    return;
  }
  buffered_bytes_ += bytes.size();
  pieces_.push_back({std::move(bytes), std::move(written)});
  schedule(std::move(lock));
}

void connection::finish(std::uint64_t exchange) {
  end_stream(exchange, end::complete);
}

void connection::cut_stream(std::uint64_t exchange) {
  end_stream(exchange, end::cut);
}

void connection::end_stream(std::uint64_t exchange, end how) {
  std::unique_lock lock(mutex_);
  if (!is_in(exchange, phase::streaming))
    return;
  phase_ = phase::ending;
  end_ = how;
  schedule(std::move(lock));
}

void connection::watch(std::uint64_t exchange, exchange::half_close meaning,
                       std::function<void()> gone) {
  std::unique_lock lock(mutex_);
  if (exchange != exchange_ || phase_ == phase::none)
    return;
  if (phase_ == phase::gone)
    return schedule(std::move(lock), std::move(gone));
  half_close_ = meaning;
  gone_.swap(gone); // the old one is destroyed behind the mutex
}

std::size_t connection::buffered_bytes(std::uint64_t exchange) const noexcept {
  const std::lock_guard lock(mutex_);
  return exchange == exchange_ ? buffered_bytes_ : 0;
}

void connection::schedule(std::unique_lock<std::mutex> lock) {
  const bool already = std::exchange(scheduled_, true);
  lock.unlock();
  if (!already)
    thread_->post(shared_from_this());
}

void connection::schedule(std::unique_lock<std::mutex> lock, std::function<void()> call) {
  if (thread_->takes_mail()) {
    calls_.push_back(std::move(call));
    return schedule(std::move(lock));
  }
  lock.unlock();
  notify(call); // the server has stopped; nobody else would
}

} // namespace ares::http
