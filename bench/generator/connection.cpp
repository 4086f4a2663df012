#include "bench/generator/connection.hpp"

#include "bench/generator/clock.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ares::bench {

bool connection::open() {
  close();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0)
    return false;
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&rules_.address);
  if (::connect(fd_, address, sizeof rules_.address) != 0 && errno != EINPROGRESS) {
    close();
    return false;
  }
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  interest.data.ptr = this;
  if (epoll_ctl(rules_.epoll, EPOLL_CTL_ADD, fd_, &interest) != 0) {
    close();
    return false;
  }
  phase_ = phase::connecting;
  return true;
}

void connection::close() {
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = -1;
  phase_ = phase::down;
  unsent_.clear();
  parser_.reset();
  events_.reset();
}

connection::event connection::down(event why) {
  close();
  return why;
}

connection::event connection::ask(std::string_view request, std::uint64_t due, std::uint64_t now) {
  phase_ = phase::busy;
  due_ = due;
  asked_at_ = now;
  last_event_at_ = 0;
  answer_.clear();
  auto sent = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN)
    return down(event::broken);
  auto length = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (length < request.size())
    unsent_.assign(request.substr(length));
  return event::nothing;
}

connection::event connection::ready(std::uint32_t what, std::span<char> scratch) {
  if (phase_ == phase::down)
    return event::nothing; // an event of a socket that was closed since
  if (phase_ == phase::connecting)
    return (what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 ? finish_connecting() : event::nothing;
  if ((what & EPOLLOUT) != 0 && !unsent_.empty())
    if (auto result = write_rest(); result != event::nothing)
      return result;
  return (what & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0 ? read(scratch)
                                                                    : event::nothing;
}

connection::event connection::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
    return down(event::refused);
  phase_ = phase::idle;
  return event::connected;
}

connection::event connection::write_rest() {
  auto sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0)
    return errno == EAGAIN ? event::nothing : down(event::broken);
  unsent_.erase(0, static_cast<std::size_t>(sent));
  return event::nothing;
}

// A read that does not fill the buffer has emptied the socket; what comes later is another edge.
connection::event connection::read(std::span<char> scratch) {
  while (true) {
    auto length = ::recv(fd_, scratch.data(), scratch.size(), 0);
    if (length < 0 && errno == EAGAIN)
      return event::nothing;
    if (phase_ == phase::idle)
      return down(event::idle_close); // it may even say why, with a 408
    if (length < 0)
      return down(event::broken);
    if (length == 0) {
      heard_at_ = now_ns();
      parser_.closed();
      status_ = parser_.status();
      return down(parser_.done() ? event::answered : event::broken);
    }
    auto size = static_cast<std::size_t>(length);
    if (auto result = take({scratch.data(), size}); result != event::nothing)
      return result;
    if (size < scratch.size())
      return event::nothing;
  }
}

connection::event connection::take(std::string_view bytes) {
  heard_at_ = now_ns();
  auto taken = parser_.feed(bytes, this);
  if (parser_.failed() || taken < bytes.size())
    return down(event::malformed);
  if (!parser_.done())
    return event::nothing;
  status_ = parser_.status();
  if (!parser_.keep_alive())
    return down(event::answered);
  parser_.reset();
  events_.reset();
  phase_ = phase::idle;
  return event::answered;
}

void connection::body(std::string_view bytes) {
  bool is_ok = parser_.status() / 100 == 2;
  if ((rules_.keep_body || !is_ok) && answer_.size() < rules_.body_bytes_kept)
    answer_.append(bytes.substr(0, rules_.body_bytes_kept - answer_.size()));
  if (rules_.stream && is_ok)
    events_.feed(bytes, [this](std::string_view line) { sse_event(line); });
}

void connection::sse_event(std::string_view line) {
  auto before = last_event_at_;
  last_event_at_ = heard_at_;
  if (!rules_.measured.holds(heard_at_))
    return;
  ++counts_.events;
  if (before == 0)
    counts_.first_event.record(heard_at_ - due_);
  else
    counts_.event_gap.record(heard_at_ - before);
  if (auto stamp = stamp_in(line); stamp && *stamp <= heard_at_)
    counts_.event_age.record(heard_at_ - *stamp);
}

} // namespace ares::bench
