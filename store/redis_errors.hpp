// What Redis' error replies say about the command: was it executed?
#pragma once

#include "store/redis.hpp"

#include <string_view>

namespace ares::store {

/// The first word of an error reply, `NOSCRIPT`.
[[nodiscard]] std::string_view error_code(std::string_view error_text) noexcept;

/// `done` where the error is the command's own. Redis raises the others before a command, and in a
/// script before its first write only (scriptVerifyOOM, scriptVerifyWriteCommandAllow in its
/// script.c): a script that met them has written nothing.
[[nodiscard]] fate fate_of_error(std::string_view error_text) noexcept;

} // namespace ares::store
