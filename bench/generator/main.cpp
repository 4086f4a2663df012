#include "bench/generator/measurement.hpp"
#include "bench/generator/plan.hpp"

#include <sys/resource.h>

#include <csignal>

namespace {

// A connection is an open file; the soft limit is often 1,024.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  auto options = ares::bench::read_options(argc, argv);
  return options.measurement ? ares::bench::measure(*options.measurement) : options.exit_status;
}
