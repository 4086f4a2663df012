#include "bench/generator/worker.hpp"

#include "bench/generator/clock.hpp"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace ares::bench {

namespace {

constexpr std::uint64_t sweep_every_ns = ns_per_s / 10;
constexpr std::uint64_t connect_within_ns = 10 * ns_per_s;
constexpr std::size_t connecting_max = 128; // at a time: well below a server's backlog
constexpr std::size_t bad_answer_bytes_max = 300;
constexpr int events_max = 512;

std::uint64_t to_ns(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}

std::size_t share_of(std::uint64_t all, unsigned number, unsigned workers) {
  return all / workers + (number < all % workers ? 1 : 0);
}

// A closed loop's connections begin one after the other in the first half of the warm-up, so that
// streams are not all in step.
double first_asks_per_second(const plan& what) {
  if (what.per_second)
    return *what.per_second;
  return what.connections / std::max(what.warmup_s / 2, 1e-6);
}

} // namespace

worker::worker(const plan& what, unsigned number, live_figures& live)
    : plan_(what), live_(live),
      arrivals_(what.per_second ? what.arrivals : schedule::kind::uniform,
                first_asks_per_second(what), {number, what.threads}, what.seed),
      requests_(what.request, what.keys, {number, what.threads, what.first_number}),
      asks_max_(what.requests_max ? share_of(*what.requests_max, number, what.threads)
                                  : std::numeric_limits<std::uint64_t>::max()) {
  rules_.epoll = epoll_create1(EPOLL_CLOEXEC);
  rules_.address.sin_family = AF_INET;
  rules_.address.sin_port = htons(what.port);
  inet_pton(AF_INET, what.address.c_str(), &rules_.address.sin_addr);
  rules_.stream = what.stream;
  rules_.keep_body = !what.expect.empty();
  auto mine = std::max<std::size_t>(1, share_of(what.connections, number, what.threads));
  for (std::size_t i = 0; i < mine; ++i)
    connections_.push_back(std::make_unique<connection>(rules_, counts_));
}

worker::~worker() {
  connections_.clear();
  ::close(rules_.epoll);
}

std::size_t worker::connect_all() {
  prctl(PR_SET_TIMERSLACK, 1); // ns: be woken when a request is due, not 50 us later
  auto deadline = now_ns() + connect_within_ns;
  std::size_t begun = 0;
  std::size_t settled = 0; // stands, or is given up
  std::array<epoll_event, events_max> events{};
  while (settled < connections_.size() && now_ns() < deadline) {
    while (begun < connections_.size() && begun - settled < connecting_max)
      if (!connections_[begun++]->open())
        ++settled;
    int count = epoll_wait(rules_.epoll, events.data(), events_max, 100);
    for (int i = 0; i < count; ++i) {
      auto& one = *static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      auto what = one.ready(events[static_cast<std::size_t>(i)].events, scratch_);
      if (what == connection::event::nothing)
        continue;
      settled += what == connection::event::idle_close ? 0 : 1;
    }
  }
  for (auto& one : connections_) {
    if (one->state() == connection::phase::idle)
      idle_.push_back(one.get());
    else
      reopen(*one);
  }
  return idle_.size();
}

void worker::run(const timeline& when) {
  when_ = when;
  rules_.measured = when.measured;
  starts_left_ = open_loop() ? 0 : connections_.size();
  while (now_ns() < when_.start)
    turn(when_.start);
  for (auto now = now_ns(); now < when_.measured.to && ended_early_at_ == 0; now = now_ns()) {
    release(now);
    if (now >= next_sweep_)
      sweep(now);
    if (asked_ >= asks_max_ && busy_ == 0)
      ended_early_at_ = now;
    bool something_due =
        open_loop() ? asked_ + waiting_.size() < asks_max_ : starts_left_ > 0 && !idle_.empty();
    auto due = something_due ? when_.start + arrivals_.next() : when_.measured.to;
    turn(std::min({due, next_sweep_, when_.measured.to}));
  }
  drain();
}

// Waits for events, but no longer than until `wake_at`, and handles them.
void worker::turn(std::uint64_t wake_at) {
  auto now = now_ns();
  auto left = wake_at > now ? wake_at - now : 0;
  timespec timeout{static_cast<time_t>(left / ns_per_s), static_cast<long>(left % ns_per_s)};
  std::array<epoll_event, events_max> events;
  int count = epoll_pwait2(rules_.epoll, events.data(), events_max, &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    auto& event = events[static_cast<std::size_t>(i)];
    auto& one = *static_cast<connection*>(event.data.ptr);
    handle(one, one.ready(event.events, scratch_));
  }
}

bool worker::may_ask(std::uint64_t now) const {
  return asked_ < asks_max_ && now < when_.measured.to;
}

// An open loop counts what was due within the measured time, a closed one what ended within it.
bool worker::is_measured(std::uint64_t due, std::uint64_t now) const {
  return when_.measured.holds(open_loop() ? due : now);
}

// Asks what is due by now, over free connections; what finds none waits, and its time runs.
void worker::release(std::uint64_t now) {
  while (open_loop() && asked_ + waiting_.size() < asks_max_ &&
         when_.start + arrivals_.next() <= now) {
    auto due = when_.start + arrivals_.next();
    arrivals_.advance();
    if (when_.measured.holds(due))
      ++counts_.due;
    waiting_.push_back(due);
  }
  while (!waiting_.empty() && !idle_.empty()) {
    auto* one = idle_.back();
    idle_.pop_back();
    auto due = waiting_.front();
    waiting_.pop_front();
    ask(*one, due, now);
  }
  while (!open_loop() && !idle_.empty() && may_ask(now) &&
         (starts_left_ == 0 || when_.start + arrivals_.next() <= now)) {
    auto* one = idle_.back();
    idle_.pop_back();
    if (starts_left_ > 0) {
      arrivals_.advance();
      --starts_left_;
    }
    ask(*one, now, now);
  }
}

void worker::ask(connection& over, std::uint64_t due, std::uint64_t now) {
  ++asked_;
  ++busy_;
  handle(over, over.ask(requests_.next(), due, now));
}

void worker::handle(connection& from, connection::event what) {
  switch (what) {
  case connection::event::nothing: break;
  case connection::event::connected: became_idle(from, now_ns()); break;
  case connection::event::answered: answered(from); break;
  case connection::event::refused:
    failed(&failures::connect, now_ns());
    down_.push_back(&from); // not at once: the next sweep tries again
    break;
  case connection::event::broken:
    --busy_;
    failed(&failures::closed, from.due());
    reopen(from);
    break;
  case connection::event::malformed:
    --busy_;
    failed(&failures::malformed, from.due());
    reopen(from);
    break;
  case connection::event::idle_close:
    ++counts_.reconnects;
    std::erase(idle_, &from);
    reopen(from);
    break;
  }
}

void worker::answered(connection& from) {
  --busy_;
  auto now = from.heard_at();
  count_answer(from, from.due(), now);
  live_.answered.fetch_add(1, std::memory_order_relaxed);
  if (from.state() == connection::phase::idle)
    became_idle(from, now);
  else
    reopen(from);
}

void worker::count_answer(const connection& from, std::uint64_t due, std::uint64_t now) {
  auto status = static_cast<std::size_t>(std::clamp(from.status(), 0, 599));
  bool is_ok = status / 100 == 2;
  auto latency = now - due;
  bool lacks =
      is_ok && !plan_.expect.empty() && from.answer().find(plan_.expect) == std::string::npos;
  if (lacks)
    failed(&failures::unexpected, due);
  else if (!is_ok)
    live_.not_ok.fetch_add(1, std::memory_order_relaxed);
  if ((lacks || !is_ok) && counts_.bad_answer.empty())
    counts_.bad_answer = from.answer().substr(0, bad_answer_bytes_max);
  if (is_measured(due, now)) {
    ++counts_.statuses[status];
    (is_ok ? counts_.ok_latency : counts_.other_latency).record(latency);
  }
  if (!when_.measured.holds(now))
    return;
  ++counts_.answered;
  auto index = (now - when_.measured.from) / ns_per_s;
  if (counts_.seconds.size() <= index)
    counts_.seconds.resize(index + 1);
  auto& second = counts_.seconds[index];
  if (is_ok) {
    ++counts_.ok;
    ++second.ok;
    second.ok_latency.record(latency);
  } else {
    ++second.other;
  }
}

void worker::failed(std::uint64_t failures::*why, std::uint64_t due) {
  live_.not_ok.fetch_add(1, std::memory_order_relaxed);
  if (is_measured(due, now_ns()))
    ++(counts_.failed.*why);
}

// A closed loop asks again at once, an open one what has waited longest.
void worker::became_idle(connection& one, std::uint64_t now) {
  if (!waiting_.empty()) {
    auto due = waiting_.front();
    waiting_.pop_front();
    ask(one, due, now);
  } else if (!open_loop() && starts_left_ == 0 && may_ask(now)) {
    ask(one, now, now);
  } else {
    idle_.push_back(&one);
  }
}

void worker::reopen(connection& one) {
  if (!one.open())
    down_.push_back(&one);
}

// Ten times a second: what is overdue, what is to be connected again, what others see.
void worker::sweep(std::uint64_t now) {
  next_sweep_ = now + sweep_every_ns;
  auto patience = to_ns(plan_.timeout_s);
  for (auto& one : connections_) {
    // A stream may last, but not be silent for so long.
    auto since = plan_.stream ? std::max(one->due(), one->heard_at()) : one->due();
    if (one->state() != connection::phase::busy || now < since + patience)
      continue;
    --busy_;
    failed(&failures::timeout, one->due());
    reopen(*one);
  }
  while (!waiting_.empty() && now - std::min(now, waiting_.front()) >= patience) {
    failed(&failures::timeout, waiting_.front());
    waiting_.pop_front();
    ++asked_; // nobody will
  }
  for (auto tries = std::min(connecting_max, down_.size()); tries > 0; --tries) {
    auto* one = down_.front();
    down_.pop_front();
    reopen(*one);
  }
  publish_second(now);
}

void worker::publish_second(std::uint64_t now) {
  if (now < when_.measured.from + ns_per_s)
    return;
  auto index = (now - when_.measured.from) / ns_per_s - 1;
  if (index >= counts_.seconds.size())
    return;
  const auto& latency = counts_.seconds[index].ok_latency;
  live_.p50.store(latency.quantile(0.5), std::memory_order_relaxed);
  live_.p99.store(latency.quantile(0.99), std::memory_order_relaxed);
}

void worker::drain() {
  auto deadline = now_ns() + to_ns(plan_.drain_s);
  while (busy_ + waiting_.size() > 0 && ended_early_at_ == 0) {
    auto now = now_ns();
    if (now >= deadline)
      break;
    release(now);
    if (now >= next_sweep_)
      sweep(now);
    turn(std::min(deadline, next_sweep_));
  }
  if (!open_loop())
    return;
  for (auto& one : connections_)
    if (one->state() == connection::phase::busy && when_.measured.holds(one->due()))
      ++counts_.unfinished;
  for (auto due : waiting_)
    if (when_.measured.holds(due))
      ++counts_.unfinished;
}

} // namespace ares::bench
