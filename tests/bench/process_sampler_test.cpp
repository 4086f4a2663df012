#include "bench/generator/process_sampler.hpp"
#include "tests/catch.hpp"

#include <unistd.h>

using namespace ares::bench;

TEST_CASE("system time stands behind a name that may hold anything") {
  CHECK(system_ticks_in("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 55 66 0 0 20 0") == 66u);
  CHECK_FALSE(system_ticks_in("7 (short) S 1"));
  CHECK_FALSE(system_ticks_in(""));
}

TEST_CASE("a process has used time and holds memory; one that is gone counts nothing") {
  auto own = sample_of({getpid()});
  CHECK(own.cpu_ns > 0);
  CHECK(own.rss_bytes > 100'000);
  auto none = sample_of({999'999'999});
  CHECK(none.cpu_ns == 0);
  CHECK(none.rss_bytes == 0);
}
