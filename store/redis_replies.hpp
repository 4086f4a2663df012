// What replies mean: errors (was the command executed?) and TIME.
#pragma once

#include "store/redis.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace ares::store {

/// The first word of an error reply, `NOSCRIPT`.
[[nodiscard]] std::string_view error_code(std::string_view error_text) noexcept;

/// Redis does not know the script or function (yet).
[[nodiscard]] bool is_unknown_script(std::string_view error_text) noexcept;

/// `done` where the error is the command's own. Redis raises the others before a command, and in a
/// script before its first write only (scriptVerifyOOM, scriptVerifyWriteCommandAllow in its
/// script.c): a script that met them has written nothing.
[[nodiscard]] fate fate_of_error(std::string_view error_text) noexcept;

/// Since 1970, from the reply to TIME; nothing if it is none.
[[nodiscard]] std::optional<std::chrono::microseconds> time_of(const reply& r);

} // namespace ares::store
