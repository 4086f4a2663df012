#include "actors/adaptive_limit.hpp"
#include "tests/catch.hpp"

#include <deque>

using namespace ares;
using namespace std::chrono_literals;
using time_point = adaptive_limit::time_point;
using duration = adaptive_limit::duration;

namespace {

constexpr limit_settings settings{};

/// A store that answers so many requests a second, one after the other, behind a limit.
struct played_store {
  adaptive_limit limit{settings};
  time_point now{1h};
  std::deque<time_point> queue;
  std::size_t admitted = 0, refused = 0;
  duration longest{0};

  /// `offered` and `capacity` a second, each in equal steps of a millisecond.
  void run(duration how_long, int offered, int capacity, duration base = 0ms) {
    for (const auto until = now + how_long; now < until; now += 1ms) {
      for (int i = 0; i < offered / 1000; ++i) {
        limit.arrived(queue.size(), now);
        if (queue.size() >= limit.limit()) {
          ++refused;
          continue;
        }
        ++admitted;
        queue.push_back(now);
      }
      for (int i = 0; i < capacity / 1000 && !queue.empty() && now - queue.front() >= base; ++i) {
        longest = std::max(longest, now - queue.front());
        limit.passed(now - queue.front(), now);
        queue.pop_front();
      }
    }
  }
};

} // namespace

TEST_CASE("a limit starts high, so that a burst is served") {
  CHECK(adaptive_limit{}.limit() == settings.most);
}

TEST_CASE("below its capacity nothing is refused") {
  played_store store;
  store.run(10s, 9'000, 10'000);
  CHECK(store.refused == 0);
}

TEST_CASE("a burst that is over soon is not refused") {
  played_store store;
  store.run(50ms, 40'000, 10'000); // 1,500 in the queue
  store.run(1s, 1'000, 10'000);
  CHECK(store.refused == 0);
}

TEST_CASE("at twice to eight times the capacity the delay settles at its target") {
  for (const int times : {2, 4, 8}) {
    INFO(times);
    played_store store;
    store.run(3s, times * 10'000, 10'000);
    store.longest = 0ms;
    store.admitted = 0;
    store.run(5s, times * 10'000, 10'000);
    CHECK(store.longest < 2 * settings.delay_target);
    CHECK(store.longest > settings.delay_target / 2);
    CHECK(store.admitted > 49'000); // the store is never idle
  }
}

TEST_CASE("the limit follows a store that becomes slower and faster") {
  played_store store;
  store.run(3s, 40'000, 10'000);
  const auto fast = store.limit.limit();
  store.run(3s, 40'000, 4'000);
  const auto slow = store.limit.limit();
  CHECK(slow < fast * 3 / 4);
  store.run(3s, 40'000, 10'000);
  CHECK(store.limit.limit() > slow * 5 / 4);
}

TEST_CASE("a second after an overload the limit is what it was") {
  played_store store;
  store.run(5s, 80'000, 10'000);
  REQUIRE(store.limit.limit() < 2000);
  store.run(2s, 1'000, 10'000);
  CHECK(store.limit.limit() == settings.most);
}

TEST_CASE("without a request under way the overload is forgotten") {
  played_store store;
  store.run(5s, 80'000, 10'000);
  store.queue.clear();
  store.now += 1s;
  store.limit.arrived(0, store.now);
  CHECK(store.limit.limit() == settings.most);
}

TEST_CASE("a limit never falls below its least") {
  adaptive_limit limit;
  time_point now{1h};
  for (int i = 0; i < 1000; ++i, now += 10ms) {
    limit.arrived(200, now);
    limit.passed(2s, now);
  }
  CHECK(limit.limit() == settings.least);
}

TEST_CASE("few samples change nothing") {
  adaptive_limit limit;
  time_point now{1h};
  for (int i = 0; i < 100; ++i, now += 50ms) {
    limit.arrived(1, now);
    limit.passed(400ms, now);
  }
  CHECK(limit.limit() == settings.most);
}

TEST_CASE("a store that is slow when nobody waits has a longer target, up to a bound") {
  played_store slow;
  slow.run(10s, 1'000, 10'000, 60ms);
  CHECK(slow.limit.target() >= 100ms);
  CHECK(slow.refused == 0);
  played_store slower;
  slower.run(20s, 1'000, 10'000, 300ms);
  CHECK(slower.limit.target() <= settings.delay_target_max);
}

TEST_CASE("delays below zero are taken as none") {
  adaptive_limit limit;
  time_point now{1h};
  for (int i = 0; i < 100; ++i, now += 5ms)
    limit.passed(-5ms, now);
  CHECK(limit.delay() == 0ms);
  CHECK(limit.limit() == settings.most);
}
