// What holds whatever happens: random histories of one tenant, and random cuts of Redis' log of
// them.
#include "tests/store/random_history.hpp"
#include "tests/store/saved_log.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

const std::vector<std::string> none;

} // namespace

TEST_CASE("counters, history and records agree at any moment of any history") {
  const auto histories = times("ARES_TEST_HISTORIES", 12);
  for (int seed = 1; seed <= histories; ++seed) {
    CAPTURE(seed);
    slot_bench b;
    stay_away_from_midnight(b.store.clock);
    random_history history(b, static_cast<std::uint64_t>(seed));
    for (int i = 1; i <= 60; ++i) {
      history.step();
      if (i % 20 == 0) {
        CHECK(faults_of(b.store.everything(), b.tenant) == none);
        history.check_counters();
      }
    }
    history.quiesce();
    CHECK(b.ask({"EXISTS", keys::open(b.tenant)}).integer == 0);
    CHECK(faults_of(b.store.everything(), b.tenant) == none);
    history.check_counters();
  }
}

TEST_CASE("whatever Redis loses of its log, what is left of a tenant agrees with itself") {
  slot_bench b({.append_only = true, .arguments = {"--appendfsync", "no"}});
  stay_away_from_midnight(b.store.clock);
  random_history history(b, 4711);
  for (int i = 0; i < 80; ++i)
    history.step();
  const auto whole = b.store.everything();
  REQUIRE(whole.size() > 50);
  b.server.kill();
  const saved_log log(std::filesystem::path(b.server.socket()).parent_path());

  std::mt19937_64 random(4711);
  const auto cuts = times("ARES_TEST_CUTS", 50);
  for (int i = 0; i < cuts; ++i) {
    const auto kept = i == 0 ? log.size() : random() % (log.size() + 1);
    CAPTURE(kept);
    log.restore(kept);
    b.server.start();
    const auto state = patient_connection(b.server.url()).everything();
    CHECK(faults_of(state, b.tenant) == none);
    if (i == 0)
      CHECK(state == whole);
    b.server.kill();
  }
}
