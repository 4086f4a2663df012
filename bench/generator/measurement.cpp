#include "bench/generator/measurement.hpp"

#include "bench/generator/clock.hpp"
#include "bench/generator/report.hpp"
#include "bench/generator/worker.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

namespace ares::bench {

namespace {

constexpr std::uint64_t look_every_ns = ns_per_s / 4;

class team {
public:
  explicit team(const plan& what) : plan_(what), gate_(what.threads + 1) {
    for (unsigned i = 0; i < what.threads; ++i)
      workers_.push_back(std::make_unique<worker>(what, i, live_));
  }

  // Returns how many connections stand.
  std::size_t connect() {
    for (auto& one : workers_)
      threads_.emplace_back([this, &one] {
        connected_ += one->connect_all();
        gate_.arrive_and_wait();
        gate_.arrive_and_wait(); // when_ is set between the two
        if (connected_ > 0)
          one->run(when_);
        --running_;
      });
    running_ = workers_.size();
    gate_.arrive_and_wait();
    return connected_;
  }

  void start(const timeline& when) {
    when_ = when;
    gate_.arrive_and_wait();
  }

  [[nodiscard]] bool is_over() const { return running_ == 0; }
  [[nodiscard]] const live_figures& live() const { return live_; }

  // Waits for all workers, and adds up what they counted.
  void finish(tally& sum, std::uint64_t& ended_at) {
    for (auto& one : threads_)
      one.join();
    std::uint64_t last = 0;
    bool all_early = true;
    for (auto& one : workers_) {
      sum.add(one->counts());
      last = std::max(last, one->ended_early_at());
      all_early = all_early && one->ended_early_at() != 0;
    }
    ended_at = all_early ? std::max(last, when_.measured.from + 1) : when_.measured.to;
  }

private:
  const plan& plan_;
  live_figures live_;
  timeline when_;
  std::barrier<> gate_;
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::size_t> running_{0};
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::thread> threads_;
};

void sleep_until(std::uint64_t time) {
  timespec t{static_cast<time_t>(time / ns_per_s), static_cast<long>(time % ns_per_s)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR)
    ;
}

// One line that the next one replaces.
void show_progress(const live_figures& live, double passed_s, double rate) {
  std::fprintf(stderr, "\r\033[K%6.1f s  %8.0f/s  p50 %.2f ms  p99 %.2f ms  not ok %llu", passed_s,
               rate, static_cast<double>(live.p50.load(std::memory_order_relaxed)) / 1e6,
               static_cast<double>(live.p99.load(std::memory_order_relaxed)) / 1e6,
               static_cast<unsigned long long>(live.not_ok.load(std::memory_order_relaxed)));
}

// Watches the workers until the measured time is over; takes samples of the processes in it.
void watch(const team& workers, const timeline& when, process_sampler& processes, bool shown) {
  sleep_until(when.measured.from);
  processes.start();
  std::uint64_t answered_before = workers.live().answered.load(std::memory_order_relaxed);
  auto before = now_ns();
  while (!workers.is_over()) {
    auto next = std::min(before + look_every_ns, when.measured.to);
    sleep_until(next);
    processes.take();
    auto now = now_ns();
    if (shown) {
      auto answered = workers.live().answered.load(std::memory_order_relaxed);
      auto passed = static_cast<double>(now - before) / 1e9;
      show_progress(workers.live(), static_cast<double>(now - when.measured.from) / 1e9,
                    static_cast<double>(answered - answered_before) / passed);
      answered_before = answered;
    }
    before = now;
    if (now >= when.measured.to)
      break;
  }
  if (shown)
    std::fprintf(stderr, "\r\033[K");
}

bool write_result(const measured& result) {
  const auto& path = result.what.json_path;
  if (path.empty())
    return true;
  auto text = json_of(result).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (path == "-") {
    std::cout << text << '\n';
    return static_cast<bool>(std::cout.flush());
  }
  std::ofstream file(path);
  file << text << '\n';
  return static_cast<bool>(file.flush());
}

} // namespace

int measure(const plan& what) {
  team workers(what);
  auto connected = workers.connect();
  timeline when;
  when.start = now_ns() + ns_per_s / 100;
  when.measured.from = when.start + static_cast<std::uint64_t>(what.warmup_s * 1e9);
  when.measured.to = when.measured.from + static_cast<std::uint64_t>(what.duration_s * 1e9);
  workers.start(when);
  process_sampler processes(what.processes);
  if (connected > 0)
    watch(workers, when, processes, !what.quiet && isatty(STDERR_FILENO) != 0);
  tally sum;
  std::uint64_t ended_at = 0;
  workers.finish(sum, ended_at);
  if (connected == 0) {
    std::cerr << "ares-bench: no connection to " << what.request.host << '\n';
    return 1;
  }
  measured result{what, sum, processes, static_cast<double>(ended_at - when.measured.from) / 1e9};
  if (!what.quiet)
    std::cerr << summary_of(result);
  if (write_result(result))
    return 0;
  std::cerr << "ares-bench: cannot write " << what.json_path << '\n';
  return 1;
}

} // namespace ares::bench
