// Logs: one line an event to standard error, as text or JSON. Never a secret; no prompt or output
// at `info`.
#pragma once

#include <initializer_list>
#include <string_view>

namespace ares::log {

enum class level { debug, info, warn, error };
enum class format { text, json };

/// Once, by main (and again on SIGHUP). Thread-safe.
void configure(level least, format how);

struct field {
  std::string_view name;
  std::string_view value;
};

/// `event` is a short sentence; the fields carry request_id, tenant_id, run_id and what else helps.
/// Control characters in values are escaped, so that no value can forge a line. Thread-safe.
void write(level l, std::string_view event, std::initializer_list<field> fields = {});

/// Whether a line of that level would be written: for those that cost something to make.
[[nodiscard]] bool is_on(level l) noexcept;

inline void debug(std::string_view event, std::initializer_list<field> fields = {}) {
  write(level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<field> fields = {}) {
  write(level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<field> fields = {}) {
  write(level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<field> fields = {}) {
  write(level::error, event, fields);
}

} // namespace ares::log
