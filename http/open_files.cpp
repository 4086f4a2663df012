#include "http/open_files.hpp"

#include "conf/log.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace ares::http {

namespace {

constexpr std::size_t files_of_the_node = 128;

/// The bound in force, as high as it may be set without privileges.
std::size_t raise_bound() {
  rlimit bound{};
  if (::getrlimit(RLIMIT_NOFILE, &bound) != 0)
    return 1024;
  if (bound.rlim_cur < bound.rlim_max) {
    const rlimit raised{bound.rlim_max, bound.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0)
      bound = raised;
  }
  return bound.rlim_cur;
}

} // namespace

std::size_t files_beside_clients(const config& conf) {
  std::size_t files = files_of_the_node;
  for (const auto& [name, provider] : conf.providers)
    if (provider.type != provider_config::kind::simulated)
      files += static_cast<std::size_t>(provider.max_concurrency);
  return files;
}

int connections_that_fit(const config& conf) {
  const auto bound = raise_bound();
  const auto wanted = static_cast<std::size_t>(conf.server.max_connections);
  const auto beside = files_beside_clients(conf);
  if (wanted <= bound && beside <= bound - wanted)
    return conf.server.max_connections;
  // Where even the providers do not fit, clients get half: not all calls are made at once.
  const auto fit = std::max(bound > beside ? bound - beside : 0, bound / 2);
  const auto granted = std::min(fit, wanted);
  log::warn("the limit of open files is too low: connections above what fits are refused",
            {{"open_files_max", std::to_string(bound)},
             {"max_connections", std::to_string(wanted)},
             {"files_beside_them", std::to_string(beside)},
             {"connections_that_fit", std::to_string(granted)}});
  return static_cast<int>(granted);
}

} // namespace ares::http
