#include "http/http_thread.hpp"

#include "http/connection.hpp"

#include <asio/post.hpp>

#include <utility>

namespace ares::http {

http_thread::http_thread(std::shared_ptr<http::front> shared)
    : shared_(std::move(shared)), timer_(io_) {}

http_thread::member http_thread::add(connection* c) {
  auto& idle = list(wait::next_request);
  return idle.insert(idle.end(), c);
}

void http_thread::move(member at, wait from, wait to) {
  auto& target = list(to);
  target.splice(target.end(), list(from), at);
}

void http_thread::remove(member at, wait what) {
  list(what).erase(at);
}

void http_thread::tick() {
  if (stopped_)
    return;
  timer_.expires_after(tick_interval);
  timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      tick();
  });
  const auto now = std::chrono::steady_clock::now();
  look_at_deadlines(now);
  look_at_clients(now);
  if (also_)
    also_();
}

void http_thread::look_at_deadlines(steady_time now) {
  for (const auto what :
       {wait::handshake, wait::next_request, wait::rest_of_request, wait::client_to_close}) {
    auto& waiting = list(what);
    while (!waiting.empty() && waiting.front()->deadline <= now)
      waiting.front()->on_deadline(); // moves it to the end, or away
  }
}

/// While a request is being answered nobody reads from its socket. One poll over all of these
/// sockets finds the clients that left, also behind unread pipelined bytes.
void http_thread::look_at_clients(steady_time now) {
  std::vector<std::shared_ptr<connection>> answering;
  polled_.clear();
  for (auto* const c : list(wait::answer)) {
    answering.push_back(c->shared_from_this());
    polled_.push_back({c->socket().native_handle(), c->watched_events(), 0});
  }
  if (polled_.empty() || ::poll(polled_.data(), polled_.size(), 0) < 0)
    return;
  for (std::size_t i = 0; i < answering.size(); ++i) {
    if (polled_[i].revents != 0 || answering[i]->is_half_closed())
      answering[i]->on_client_events(polled_[i].revents, now);
    answering[i]->look_for_stall(now);
  }
}

void http_thread::close_idle() {
  const auto idle = list(wait::next_request);
  for (auto* const c : idle)
    if (c->has_asked())
      c->on_deadline();
}

void http_thread::stop() {
  stopped_ = true;
  timer_.cancel();
  std::vector<std::shared_ptr<connection>> undelivered;
  {
    const std::lock_guard lock(mutex_);
    mailbox_closed_ = true;
    undelivered.swap(mailbox_);
  }
  std::vector<std::shared_ptr<connection>> all;
  for (const auto& waiting : lists_)
    for (auto* const c : waiting)
      all.push_back(c->shared_from_this());
  for (const auto& c : all)
    c->cut();
  for (const auto& c : undelivered)
    c->flush();
}

void http_thread::post(std::shared_ptr<connection> c) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    if (mailbox_closed_)
      return;
    is_first = mailbox_.empty();
    mailbox_.push_back(std::move(c));
  }
  if (is_first)
    asio::post(io_, [this] { deliver_mail(); });
}

void http_thread::deliver_mail() {
  {
    const std::lock_guard lock(mutex_);
    delivering_.swap(mailbox_);
  }
  for (const auto& c : delivering_) {
    try {
      c->flush();
    } catch (...) { // out of memory: this one pays, not those behind it
      c->cut();
    }
  }
  delivering_.clear();
}

} // namespace ares::http
