#include "conf/random.hpp"

#include <openssl/rand.h>

#include <cstdio>
#include <exception>

namespace ares {

void fill_random(std::span<std::uint8_t> out) noexcept {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) == 1)
    return;
  std::fputs("the operating system gives no randomness\n", stderr);
  std::terminate();
}

} // namespace ares
