#pragma once

#include "bench/generator/plan.hpp"
#include "bench/generator/process_sampler.hpp"
#include "bench/generator/tally.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace ares::bench {

/// A measurement that is over.
struct measured {
  const plan& what;
  const tally& counts;
  const process_sampler& processes;
  double seconds = 0; ///< measured; shorter than planned where plan::requests_max ended it
};

/// Everything, as bench/README.md describes it.
nlohmann::ordered_json json_of(const measured& result);

/// A few lines for a person.
std::string summary_of(const measured& result);

} // namespace ares::bench
