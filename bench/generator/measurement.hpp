#pragma once

#include "bench/generator/plan.hpp"

namespace ares::bench {

/// Carries a plan out: connects, warms up, measures, shows how it goes, writes the result. Returns
/// an exit status: 0, or 1 where no connection could be made or the result not be written.
int measure(const plan& what);

} // namespace ares::bench
