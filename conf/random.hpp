// Randomness from the operating system's CSPRNG.
#pragma once

#include <cstdint>
#include <span>

namespace ares {

/// Fills `out`. Never fails: a process without randomness is ended, since whatever it would go on
/// to make (secrets, ids) could be guessed. Thread-safe; costs a microsecond, so fetch in blocks.
void fill_random(std::span<std::uint8_t> out) noexcept;

} // namespace ares
