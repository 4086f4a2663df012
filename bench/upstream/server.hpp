#pragma once

#include "bench/upstream/answers.hpp"

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ares::bench {

/// The stand-in upstream: one thread, epoll, edge-triggered; keep-alive, one request at a time on a
/// connection. Listens on 127.0.0.1.
class upstream_server {
public:
  /// Throws std::system_error if it cannot listen.
  explicit upstream_server(const upstream_behaviour& how);
  ~upstream_server();
  upstream_server(const upstream_server&) = delete;
  upstream_server& operator=(const upstream_server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// For ever.
  [[noreturn]] void run();

private:
  struct client {
    int fd = -1;
    std::uint64_t number = 0; // of all clients ever: a descriptor's number comes again
    std::string in;
    std::string unsent;
    upstream_request request; // under way, if it is complete
    unsigned pieces_left = 0;
    bool begun = false;
  };
  struct timer {
    std::uint64_t at;
    int fd;
    std::uint64_t number;
    bool operator>(const timer& other) const { return at > other.at; }
  };

  void accept_all();
  void ready(client& one, std::uint32_t what);
  bool read(client& one);
  void next_request(client& one);
  void answer(client& one, std::uint64_t now);
  void wake(client& one, std::uint64_t at);
  void send(client& one, std::string_view bytes);
  void ring(std::uint64_t now);
  void drop(int fd);

  upstream_behaviour how_;
  upstream_answers answers_;
  int epoll_ = -1;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::uint64_t clients_ever_ = 0;
  std::unordered_map<int, std::unique_ptr<client>> clients_;
  std::priority_queue<timer, std::vector<timer>, std::greater<>> timers_;
  std::string out_; // what is being put together
};

} // namespace ares::bench
