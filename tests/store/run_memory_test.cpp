// What a stored run holds of Redis' memory: measured, and asserted nowhere. test_store "[memory]"
// prints it; ARES_RUNS says for how many runs (default 100,000).
#include "tests/store/slot_bench.hpp"

#include <cstdlib>
#include <iostream>

using namespace ares;
using namespace ares::tests;

namespace {

constexpr std::size_t runs_per_batch = 100;

std::int64_t used_memory(slot_bench& b) {
  const auto text = b.ask({"INFO", "memory"}).text;
  return std::stoll(text.substr(text.find("used_memory:") + 12));
}

/// Admits and ends a batch of runs; gives the bytes of their records.
std::size_t store_runs(slot_bench& b) {
  std::size_t bytes = 0;
  std::vector<operation> starts, ends;
  for (std::size_t i = 0; i < runs_per_batch; ++i) {
    auto a = b.new_run(R"({"message":"Evaluate this transaction","context":{"amount":15000,)"
                       R"("currency":"USD","merchant_category":"electronics"}})");
    const finish_figures figures{ending::completed, 47, 1243};
    auto record = ended_record(
        a.record_head, 1773411720000,
        {figures, R"({"risk_score":0.73,"risk_level":"medium","reasoning":"Elevated amount for )"
                  R"(merchant category"})"});
    bytes += record.size();
    starts.push_back(admit(b.tenant, a));
    ends.push_back(finish(b.tenant, a.operation, b.agent, figures, std::move(record)));
  }
  b.send(starts);
  b.send(ends);
  return bytes;
}

} // namespace

TEST_CASE("what a stored run holds of Redis' memory", "[.][memory]") {
  const char* wanted = std::getenv("ARES_RUNS");
  const std::size_t runs = wanted ? std::stoul(wanted) : 100'000;
  slot_bench b;
  const auto before = used_memory(b);
  std::size_t bytes = 0;
  for (std::size_t done = 0; done < runs; done += runs_per_batch)
    bytes += store_runs(b);
  const auto held = used_memory(b) - before;
  std::cout << runs << " runs, " << bytes / runs
            << " bytes of JSON each: " << held / static_cast<std::int64_t>(runs)
            << " bytes of memory each, " << static_cast<double>(held) / static_cast<double>(bytes)
            << " times the JSON\n";
}
