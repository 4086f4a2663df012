#pragma once

#include "bench/generator/connection.hpp"
#include "bench/generator/plan.hpp"
#include "bench/generator/tally.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace ares::bench {

/// What a worker lets others see while it works: for the progress line.
struct live_figures {
  std::atomic<std::uint64_t> answered{0}; ///< since the start, warm-up included
  std::atomic<std::uint64_t> not_ok{0};   ///< answers that are not 2xx, and failures
  std::atomic<std::uint64_t> p50{0};      ///< of the last whole second, ns
  std::atomic<std::uint64_t> p99{0};
};

/// When a measurement happens, monotonic ns.
struct timeline {
  std::uint64_t start = 0; ///< of the warm-up
  window measured;
};

/// One thread's share of connections and requests, on an epoll of its own.
class worker {
public:
  worker(const plan& what, unsigned number, live_figures& live);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Opens all connections, within 10 s. Returns how many stand.
  std::size_t connect_all();
  /// Waits for the start, then asks until the end of the measured time, and drains.
  void run(const timeline& when);

  [[nodiscard]] const tally& counts() const { return counts_; }
  /// When the last request was answered, if that ended the measurement (plan::requests_max); else
  /// 0.
  [[nodiscard]] std::uint64_t ended_early_at() const { return ended_early_at_; }

private:
  [[nodiscard]] bool open_loop() const { return plan_.per_second.has_value(); }
  [[nodiscard]] bool may_ask(std::uint64_t now) const;
  [[nodiscard]] bool is_measured(std::uint64_t due, std::uint64_t now) const;

  void turn(std::uint64_t wake_at);
  void release(std::uint64_t now);
  void ask(connection& over, std::uint64_t due, std::uint64_t now);
  void handle(connection& from, connection::event what);
  void answered(connection& from);
  void count_answer(const connection& from, std::uint64_t due, std::uint64_t now);
  void failed(std::uint64_t failures::*why, std::uint64_t due);
  void became_idle(connection& one, std::uint64_t now);
  void reopen(connection& one);
  void sweep(std::uint64_t now);
  void publish_second(std::uint64_t now);
  void drain();

  const plan& plan_;
  live_figures& live_;
  timeline when_;
  connection_rules rules_;
  tally counts_;
  schedule arrivals_; // of the open loop; of a closed one, when each connection asks first
  request_source requests_;
  std::uint64_t asked_ = 0;
  std::uint64_t asks_max_;
  std::vector<std::unique_ptr<connection>> connections_;
  std::vector<connection*> idle_;
  std::deque<connection*> down_;      // to be opened again by the next sweep
  std::deque<std::uint64_t> waiting_; // due, but no connection is free
  std::size_t busy_ = 0;
  std::uint64_t starts_left_ = 0; // closed loop: connections that have not asked yet
  std::uint64_t next_sweep_ = 0;
  std::uint64_t ended_early_at_ = 0;
  std::array<char, 64 * 1024> scratch_{};
};

} // namespace ares::bench
