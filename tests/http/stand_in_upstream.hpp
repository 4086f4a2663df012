// An upstream that does exactly what a test says, byte by byte, on a raw socket of the loopback.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace ares {

/// One accepted connection, as its script sees it.
class upstream_connection {
public:
  explicit upstream_connection(int socket, int number) : number(number), socket_(socket) {
    timeval patience{20, 0}; // a broken test ends, too
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~upstream_connection() { close(); }
  upstream_connection(const upstream_connection&) = delete;
  upstream_connection& operator=(const upstream_connection&) = delete;

  [[nodiscard]] int socket() const { return socket_; }

  const int number; // from 1, in the order of acceptance
  std::string head, body;

  /// Reads the next request into `head` and `body`; false if the peer is gone.
  bool read_request() {
    while (received_.find("\r\n\r\n") == std::string::npos)
      if (!receive())
        return false;
    const auto end = received_.find("\r\n\r\n") + 4;
    head = received_.substr(0, end);
    received_.erase(0, end);
    const auto at = head.find("Content-Length: ");
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    while (received_.size() < length)
      if (!receive())
        return false;
    body = received_.substr(0, length);
    received_.erase(0, length);
    return true;
  }

  /// False if the peer is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool chunk(std::string_view bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return send(size + std::string(bytes) + "\r\n");
  }
  bool answer(std::string_view body) {
    return send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                std::string(body));
  }

  /// Blocks until the peer closes. False if it did not.
  bool peer_closes() {
    while (receive())
      ;
    return closed_;
  }
  void close() {
    if (socket_ >= 0)
      ::close(std::exchange(socket_, -1));
  }
  /// The peer gets a RST.
  void reset() {
    linger hard{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }

private:
  bool receive() {
    char bytes[65536];
    const auto got = recv(socket_, bytes, sizeof bytes, 0);
    closed_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got > 0)
      received_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }

  int socket_;
  bool closed_ = false;
  std::string received_;
};

/// Accepts on a free port and plays `script` for every connection, each on a thread of its own.
class stand_in_upstream {
public:
  using script = std::function<void(upstream_connection&)>;

  explicit stand_in_upstream(script play) : play_(std::move(play)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 1024) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port for the stand-in upstream");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~stand_in_upstream() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (auto& thread : threads_)
      thread.join();
    ::close(listener_);
  }

  [[nodiscard]] std::string url(const std::string& path = "/v1/chat/completions") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] int connections() const { return connections_; }

private:
  void accept_all() {
    for (int peer; (peer = accept(listener_, nullptr, nullptr)) >= 0;)
      threads_.emplace_back([this, peer, number = ++connections_] {
        upstream_connection connection(peer, number);
        play_(connection);
      });
  }

  script play_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace ares
