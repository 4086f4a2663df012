// What the libFuzzer targets share. Not part of the build: `./dev fuzz` builds and runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace ares::fuzz {

/// What must hold for every input; libFuzzer keeps the input for which it does not.
inline void require(bool holds) {
  if (!holds)
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes the first byte off as a choice; 0 if there is none.
inline std::uint8_t take_choice(std::string_view& input) {
  if (input.empty())
    return 0;
  const auto choice = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  return choice;
}

} // namespace ares::fuzz
