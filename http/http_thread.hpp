// One HTTP thread: an io_context, the connections on it sorted by what they wait for, a clock that
// looks after them, and the mailbox through which other threads reach them.
#pragma once

#include "http/server.hpp"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ares::http {

class connection;
using steady_time = std::chrono::steady_clock::time_point;

/// What all HTTP threads of a server share.
struct front {
  server_options options; // `tls` may change: see `current_tls`
  handler on_request;
  early_handler refuse_early; // may be empty
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> in_flight{0};
  std::atomic<bool> closing{false};  // every answer is the last of its connection
  std::atomic<bool> draining{false}; // and nobody new is waited for

  /// What the next connection is made with; empty: plain HTTP.
  [[nodiscard]] tls_context current_tls() const {
    const std::lock_guard lock(tls_mutex);
    return options.tls;
  }
  mutable std::mutex tls_mutex;
};

/// Bytes for RESTinio to write in one go.
struct outgoing {
  std::string bytes;
  std::string body; // behind `bytes`, kept apart where copying would cost
  bool last = false;
  bool close = false; // with `last`: the connection ends behind it
};

/// RESTinio's side of the request under way, opaque here: only server.cpp knows RESTinio.
struct reply_path {
  std::shared_ptr<void> restinio_connection;
  std::uint64_t request_id = 0;
  void (*write)(const reply_path& path, connection& from, outgoing out) = nullptr;
};

class http_thread {
public:
  explicit http_thread(std::shared_ptr<front> shared);

  asio::io_context& io() noexcept { return io_; }
  http::front& shared() noexcept { return *shared_; }

  /// What a connection waits for. Each has its own time limit, so a list is sorted by deadline.
  enum class wait { handshake, next_request, rest_of_request, answer, client_to_close };

  // On the thread only.
  using member = std::list<connection*>::iterator;
  member add(connection* c);
  void move(member at, wait from, wait to);
  void remove(member at, wait what);
  /// Looks after time limits and clients, every `tick_interval` from the first call on; calls
  /// `also` each time.
  void tick();
  void on_tick(std::function<void()> also) { also_ = std::move(also); }
  void close_idle();
  /// Cuts everything; afterwards the io_context runs out of work. No mail is taken any more.
  void stop();
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::size_t waiting(wait what) const { return list(what).size(); }

  /// From any thread: has `flush` called on the thread, soon. Does nothing after `stop`.
  void post(std::shared_ptr<connection> c);
  [[nodiscard]] bool takes_mail() const noexcept { return !mailbox_closed_; }

  static constexpr std::chrono::milliseconds tick_interval{100};

private:
  void deliver_mail();
  void look_at_deadlines(steady_time now);
  void look_at_clients(steady_time now);
  std::list<connection*>& list(wait what) { return lists_[static_cast<std::size_t>(what)]; }
  [[nodiscard]] const std::list<connection*>& list(wait what) const {
    return lists_[static_cast<std::size_t>(what)];
  }

  std::shared_ptr<http::front> shared_;
  asio::io_context io_{1}; // one thread runs it: asio may save locks
  asio::steady_timer timer_;
  std::function<void()> also_;
  bool stopped_ = false;
  std::array<std::list<connection*>, 5> lists_;
  std::vector<pollfd> polled_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<connection>> mailbox_;
  std::vector<std::shared_ptr<connection>> delivering_;
  std::atomic<bool> mailbox_closed_{false};
};

} // namespace ares::http
