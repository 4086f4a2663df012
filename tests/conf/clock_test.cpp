#include "conf/clock.hpp"
#include "tests/catch.hpp"

#include <cstdlib>

using namespace ares;

TEST_CASE("time stamps are RFC 3339, UTC, whole seconds rounded down") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(999) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59Z");
  CHECK(rfc3339(1'773'411'720'000) == "2026-03-13T14:22:00Z");
  CHECK(rfc3339(951'782'399'999) == "2000-02-28T23:59:59Z");
  CHECK(rfc3339(951'782'400'000) == "2000-02-29T00:00:00Z");
}

TEST_CASE("days are UTC days") {
  CHECK(utc_day(951'782'400'000) == "2000-02-29");
  CHECK(utc_day(951'782'399'999) == "2000-02-28");
  CHECK(next_utc_day_ms(951'782'399'999) == 951'782'400'000);
  CHECK(next_utc_day_ms(951'782'400'000) == 951'782'400'000 + 86'400'000);
}

TEST_CASE("the billing period is the UTC month, to its last second") {
  const auto check = [](std::int64_t at, const char* start, const char* end) {
    const auto period = billing_period_of(at);
    CHECK(rfc3339(period.start_ms) == start);
    CHECK(rfc3339(period.end_ms) == end);
  };
  check(1'773'411'720'000, "2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z");
  check(951'782'400'000, "2000-02-01T00:00:00Z", "2000-02-29T23:59:59Z");
  check(946'684'799'999, "1999-12-01T00:00:00Z", "1999-12-31T23:59:59Z");
  check(946'684'800'000, "2000-01-01T00:00:00Z", "2000-01-31T23:59:59Z");
}

TEST_CASE("the store's clock is what the store last said, and goes on from there") {
  store_clock clock;
  clock.learn(1'000'000);
  const auto first = clock.now_ms();
  CHECK(first >= 1'000'000);
  CHECK(first < 1'000'000 + 3'600'000);
  CHECK(clock.now_ms() >= first);
  clock.learn(500);
  CHECK(clock.now_ms() < 1'000'000);
}
