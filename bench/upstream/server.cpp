#include "bench/upstream/server.hpp"

#include "bench/generator/clock.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <system_error>

namespace ares::bench {

namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::size_t unsent_bytes_max = 1024 * 1024;
constexpr std::string_view hello = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 17\r\n\r\n{\"hello\":\"world\"}";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void add_to(int epoll, int fd, std::uint32_t what) {
  epoll_event interest{};
  interest.events = what;
  interest.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) != 0)
    fail("epoll_ctl");
}

} // namespace

upstream_server::upstream_server(const upstream_behaviour& how) : how_(how), answers_(how) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(how.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 4096) != 0 ||
      getsockname(listener_, generic, &size) != 0)
    fail("cannot listen");
  port_ = ntohs(address.sin_port);
  add_to(epoll_, listener_, EPOLLIN);
  prctl(PR_SET_TIMERSLACK, 1); // ns: send a chunk when it is due, not 50 us later
}

upstream_server::~upstream_server() {
  for (auto& [fd, one] : clients_)
    ::close(fd);
  ::close(listener_);
  ::close(epoll_);
}

void upstream_server::run() {
  std::array<epoll_event, 512> events{};
  while (true) {
    auto now = now_ns();
    ring(now);
    timespec left{};
    if (!timers_.empty()) {
      auto wait = timers_.top().at > now ? timers_.top().at - now : 0;
      left = {static_cast<time_t>(wait / ns_per_s), static_cast<long>(wait % ns_per_s)};
    }
    int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                             timers_.empty() ? nullptr : &left, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == listener_) {
        accept_all();
      } else if (auto found = clients_.find(event.data.fd); found != clients_.end()) {
        ready(*found->second, event.events);
      }
    }
  }
}

void upstream_server::accept_all() {
  while (true) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto one = std::make_unique<client>();
    one->fd = fd;
    one->number = ++clients_ever_;
    clients_[fd] = std::move(one);
    add_to(epoll_, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  }
}

void upstream_server::ready(client& one, std::uint32_t what) {
  if ((what & EPOLLOUT) != 0 && !one.unsent.empty()) {
    auto sent = ::send(one.fd, one.unsent.data(), one.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0)
      one.unsent.erase(0, static_cast<std::size_t>(sent));
  }
  if ((what & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0 && !read(one))
    drop(one.fd);
}

// False if the client is gone, or says what this does not understand.
bool upstream_server::read(client& one) {
  static std::array<char, 64 * 1024> scratch;
  while (true) {
    auto length = recv(one.fd, scratch.data(), scratch.size(), 0);
    if (length == 0 || (length < 0 && errno != EAGAIN))
      return false;
    if (length < 0)
      return true;
    one.in.append(scratch.data(), static_cast<std::size_t>(length));
    if (!one.request.complete)
      next_request(one);
    if (one.request.malformed)
      return false;
    if (static_cast<std::size_t>(length) < scratch.size())
      return true;
  }
}

void upstream_server::next_request(client& one) {
  one.request = read_upstream_request(one.in);
  if (!one.request.complete)
    return;
  one.in.erase(0, one.request.bytes);
  one.begun = false;
  one.pieces_left = how_.chunks;
  auto now = now_ns();
  if (one.request.is_chat && how_.latency_ms > 0)
    wake(one, now + how_.latency_ms * ns_per_ms);
  else
    answer(one, now);
}

// As much of the answer as is due now.
void upstream_server::answer(client& one, std::uint64_t now) {
  if (!one.request.stream) {
    send(one, one.request.is_chat ? std::string_view(answers_.whole()) : hello);
  } else {
    out_.clear();
    if (!one.begun)
      out_ += answers_.beginning();
    one.begun = true;
    do {
      if (one.pieces_left == 0)
        break;
      answers_.append_piece(out_, now);
      --one.pieces_left;
    } while (how_.interval_ms == 0);
    bool over = one.pieces_left == 0;
    if (over)
      out_ += answers_.end(one.request.wants_usage);
    send(one, out_);
    if (!over) {
      wake(one, now + how_.interval_ms * ns_per_ms);
      return;
    }
  }
  one.request = {};
  if (!one.in.empty())
    next_request(one);
}

void upstream_server::wake(client& one, std::uint64_t at) {
  timers_.push({at, one.fd, one.number});
}

void upstream_server::ring(std::uint64_t now) {
  while (!timers_.empty() && timers_.top().at <= now) {
    auto due = timers_.top();
    timers_.pop();
    auto found = clients_.find(due.fd);
    if (found != clients_.end() && found->second->number == due.number)
      answer(*found->second, now_ns());
  }
}

// What the socket does not take now is kept; a client that takes nothing loses the rest.
void upstream_server::send(client& one, std::string_view bytes) {
  if (one.unsent.empty()) {
    auto sent = ::send(one.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (one.unsent.size() + bytes.size() <= unsent_bytes_max)
    one.unsent.append(bytes);
}

void upstream_server::drop(int fd) {
  ::close(fd);
  clients_.erase(fd);
}

} // namespace ares::bench
