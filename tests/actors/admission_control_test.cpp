#include "actors/admission_control.hpp"
#include "actors/admission_gate.hpp"
#include "tests/catch.hpp"

#include <thread>
#include <vector>

using namespace ares;
using namespace std::chrono_literals;

namespace {

constexpr limit_settings small{.least = 10, .most = 100};
constexpr auto executing = work_kind::executing;
const admission_control::time_point start{1h};

/// Lets in what comes in, up to `asked`; says how many.
std::size_t enter(admission_control& c, work_kind kind, admission_control::owner of,
                  std::size_t asked, admission_control::time_point now = start) {
  std::size_t in = 0;
  while (in < asked && c.enter(kind, of, now))
    ++in;
  return in;
}

} // namespace

TEST_CASE("one tenant alone may have all of the limit, and not more") {
  admission_control c(small);
  CHECK(enter(c, executing, 1, 1000) == 100);
  CHECK(c.is_crowded());
  CHECK(c.refuses(executing, 1, start));
  c.leave(executing, 1);
  CHECK_FALSE(c.is_crowded());
  CHECK(enter(c, executing, 1, 1000) == 1);
}

TEST_CASE("a full node lets a tenant in that has less than its share") {
  admission_control c(small);
  enter(c, executing, 1, 1000);
  CHECK(enter(c, executing, 2, 1000) == 50);
  CHECK(enter(c, executing, 3, 1000) == 33);
  CHECK(enter(c, executing, 1, 1) == 0);
}

TEST_CASE("whatever tenants ask, there is at most the limit and a share each") {
  admission_control c(small);
  enter(c, executing, 1, 1000);
  for (admission_control::owner of = 2; of < 2000; ++of)
    enter(c, executing, of, 1000);
  // The harmonic sum of the shares, while these are more than one, and one for each tenant.
  CHECK(c.under_way(executing) < 100 + 100 * 5 + 2000);
}

TEST_CASE("who has not asked for a second no longer narrows the shares") {
  admission_control c(small);
  enter(c, executing, 2, 1);
  c.leave(executing, 2);
  enter(c, executing, 1, 1000);
  CHECK(enter(c, executing, 3, 1000, start + 500ms) == 33);
  CHECK(enter(c, executing, 4, 1000, start + 1600ms) == 33); // 1, 3 and itself
  CHECK(c.owners() == 3);
}

TEST_CASE("reads and cancels have places of their own") {
  admission_control c(small);
  enter(c, executing, 1, 1000);
  CHECK(enter(c, work_kind::reading, 1, 1000) == 50);
  CHECK(enter(c, work_kind::cancelling, 1, 1000) == 100);
  CHECK(c.under_way(executing) == 100);
}

TEST_CASE("reads keep the least of places when the limit is low") {
  admission_control c(small);
  enter(c, executing, 1, 50);
  auto now = start;
  for (int i = 0; i < 1000; ++i, now += 10ms) {
    (void)c.refuses(executing, 1, now);
    c.passed(2s, now);
  }
  CHECK(c.limit(executing) == 10);
  CHECK(c.limit(work_kind::reading) == 10);
  CHECK(c.limit(work_kind::cancelling) == 100);
}

TEST_CASE("a leave that is not owed changes nothing") {
  admission_control c(small);
  c.leave(executing, 1);
  enter(c, executing, 1, 1);
  c.leave(work_kind::reading, 1);
  c.leave(executing, 1);
  c.leave(executing, 1);
  CHECK(c.under_way(executing) == 0);
}

TEST_CASE("a place is given back once, however it ends") {
  auto gate = std::make_shared<admission_gate>(small);
  auto passed = gate->enter(executing, 1);
  auto left = gate->enter(executing, 1);
  auto dropped = gate->enter(executing, 1);
  CHECK(gate->now().under_way[0] == 3);
  passed->passed();
  passed->passed();
  left->left();
  left->passed();
  CHECK(gate->now().under_way[0] == 1);
  passed.reset();
  dropped.reset();
  CHECK(gate->now().under_way[0] == 0);
}

TEST_CASE("a gate counts whom it refused, also those who only asked") {
  auto gate = std::make_shared<admission_gate>(small);
  std::vector<std::shared_ptr<admission_place>> in;
  while (auto place = gate->enter(executing, 1))
    in.push_back(std::move(place));
  CHECK(gate->crowded());
  CHECK(gate->refuses(executing, 1));
  CHECK(gate->now().refused[0] == 2);
  CHECK_FALSE(gate->refuses(executing, 2));
  in.pop_back();
  CHECK_FALSE(gate->crowded());
}

TEST_CASE("a gate keeps its count among many threads") {
  auto gate = std::make_shared<admission_gate>(small);
  std::vector<std::thread> threads;
  for (admission_control::owner of = 1; of <= 4; ++of)
    threads.emplace_back([gate, of] {
      for (int i = 0; i < 20'000; ++i)
        if (auto place = gate->enter(executing, of); place && i % 2 == 0)
          place->passed();
    });
  for (auto& t : threads)
    t.join();
  CHECK(gate->now().under_way[0] == 0);
  CHECK_FALSE(gate->crowded());
}

TEST_CASE("a tenant's load is full under its own configuration only") {
  auto load = make_tenant_load();
  const int now = 0, later = 0;
  CHECK_FALSE(load->is_full(&now));
  load->in_flight_max = 1;
  load->limited_by = &now;
  const flight one(load);
  CHECK(load->is_full(&now));
  CHECK_FALSE(load->is_full(&later));
}
