// A client that sends exactly the bytes it is told to, and a wait for what other threads do.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace ares::test {

/// What nothing on a loaded machine should take. Only a failing test waits that long.
constexpr std::chrono::seconds patience{20};

/// Waits until a condition holds; false if it does not within `patience`.
template <class Condition> [[nodiscard]] bool eventually(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class raw_client {
public:
  /// `receive_buffer` in bytes, 0 for the system's default.
  explicit raw_client(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  raw_client(raw_client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_),
        received_(std::move(other.received_)) {}
  raw_client& operator=(raw_client&&) = delete;
  ~raw_client() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int descriptor() const { return fd_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void shut_sending() { ::shutdown(fd_, SHUT_WR); }

  /// Closes with a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(fd_, -1));
  }

  /// Reads what comes; false at the end, on a reset, or when nothing comes within `patience`.
  bool receive() {
    pollfd readable{fd_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) != 1) {
      timed_out_ = true;
      return false;
    }
    char buffer[65536];
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    was_reset_ = n < 0;
    if (n > 0)
      received_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }

  /// Everything up to the end of the connection.
  std::string receive_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }

  /// Everything up to and including that text; what there is if it does not come.
  std::string receive_until(std::string_view text) {
    for (;;) {
      const auto at = received_.find(text);
      if (at != received_.npos)
        return take(at + text.size());
      if (!receive())
        return std::exchange(received_, {});
    }
  }

  /// A response with Content-Length: head and body.
  std::string receive_response() {
    auto head = receive_until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    const std::size_t length = at == head.npos ? 0 : std::stoul(head.substr(at + 16));
    while (received_.size() < length && receive()) {
    }
    return head + take(length);
  }

  [[nodiscard]] bool was_reset() const { return was_reset_; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  /// Nothing has been received that was not asked for.
  [[nodiscard]] bool has_nothing_left() const { return received_.empty(); }

private:
  std::string take(std::size_t size) {
    auto taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  int fd_;
  bool connected_ = false;
  bool was_reset_ = false;
  bool timed_out_ = false;
  std::string received_;
};

inline bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

} // namespace ares::test
