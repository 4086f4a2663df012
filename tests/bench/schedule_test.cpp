#include "bench/generator/schedule.hpp"
#include "tests/catch.hpp"

using ares::bench::schedule;

TEST_CASE("uniform arrivals are evenly spaced from the start, and rounding does not add up") {
  schedule s(schedule::kind::uniform, 3, {0, 1}, 1);
  CHECK(s.next() == 0);
  s.advance();
  CHECK(s.next() == 333'333'333);
  for (int i = 1; i < 3'000'000; ++i)
    s.advance();
  CHECK(s.next() == 1'000'000'000'000'000);
}

TEST_CASE("workers share one rate, in turn") {
  schedule first(schedule::kind::uniform, 1000, {0, 2}, 1);
  schedule second(schedule::kind::uniform, 1000, {1, 2}, 1);
  CHECK(first.next() == 0);
  CHECK(second.next() == 1'000'000);
  first.advance();
  second.advance();
  CHECK(first.next() == 2'000'000);
  CHECK(second.next() == 3'000'000);
}

TEST_CASE("poisson arrivals keep the rate, in order, and as their seed says") {
  schedule s(schedule::kind::poisson, 1000, {0, 1}, 42);
  schedule same(schedule::kind::poisson, 1000, {0, 1}, 42);
  schedule other(schedule::kind::poisson, 1000, {0, 1}, 43);
  std::uint64_t before = 0;
  for (int i = 0; i < 100'000; ++i) {
    REQUIRE(s.next() >= before);
    REQUIRE(s.next() == same.next());
    before = s.next();
    s.advance();
    same.advance();
  }
  CHECK(before > 98'000'000'000);
  CHECK(before < 102'000'000'000);
  CHECK(other.next() != schedule(schedule::kind::poisson, 1000, {0, 1}, 42).next());
}
