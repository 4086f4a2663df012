// What a run costs Redis: measured, and asserted nowhere. test_store "[cost]" prints it.
#include "tests/store/slot_bench.hpp"

#include <algorithm>
#include <iostream>

using namespace ares;
using namespace ares::tests;

namespace {

/// Microseconds Redis has spent in scripts.
double script_usec(slot_bench& b) {
  const auto text = b.ask({"INFO", "commandstats"}).text;
  const auto at = text.find("cmdstat_fcall:");
  return std::stod(text.substr(text.find("usec=", at) + 5));
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct cost {
  double admit_us, finish_us;
};

/// Per run, with batches of `size` admissions and then of as many ends: the median of the batches,
/// because other processes disturb some of them.
cost measure(slot_bench& b, std::size_t size, bool limited) {
  const std::size_t rounds = 6400 / size;
  std::vector<double> admits, finishes;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<admission> runs;
    std::vector<operation> starts, ends;
    for (std::size_t i = 0; i < size; ++i) {
      auto a = b.new_run(R"({"message":")" + std::string(200, 'x') + R"("})");
      if (limited)
        a.limits = {1'000'000'000, 1'000'000'000, 1'000'000'000'000};
      starts.push_back(admit(b.tenant, a));
      const finish_figures figures{ending::completed, 42, 1234};
      ends.push_back(finish(b.tenant, a.operation, b.agent, figures,
                            ended_record(a.record_head, 1773411720000,
                                         {figures, R"({"message":"answer"})", "null"})));
    }
    const auto before = script_usec(b);
    b.send(starts);
    const auto between = script_usec(b);
    b.send(ends);
    admits.push_back((between - before) / static_cast<double>(size));
    finishes.push_back((script_usec(b) - between) / static_cast<double>(size));
  }
  return {median(admits), median(finishes)};
}

} // namespace

TEST_CASE("what a run costs Redis", "[.][cost]") {
  slot_bench b;
  b.send({admit(b.tenant, b.new_run())}); // the script is known from here on
  for (const bool limited : {false, true})
    for (const std::size_t size : {1, 8, 32}) {
      const auto c = measure(b, size, limited);
      std::cout << (limited ? "limited, " : "unlimited, ") << "batches of " << size << ": admit "
                << c.admit_us << " us, finish " << c.finish_us << " us, together "
                << c.admit_us + c.finish_us << " us\n";
    }
}
