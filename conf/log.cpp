#include "conf/log.hpp"

#include "conf/clock.hpp"
#include "conf/json.hpp"
#include "conf/limits.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

namespace ares::log {
namespace {

std::atomic<level> least{level::info};
std::atomic<format> how{format::text};

/// spdlog writes whole lines, one at a time; what stands in them is ours. Never destroyed, so that
/// the last threads of a process that ends may still log.
spdlog::logger& sink() {
  static spdlog::logger& logger = []() -> spdlog::logger& {
    auto* made = new spdlog::logger("ares", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    return *made;
  }();
  return logger;
}

const char* name_of(level l) {
  switch (l) {
  case level::debug: return "debug";
  case level::info: return "info";
  case level::warn: return "warn";
  case level::error: return "error";
  }
  return "error";
}

std::string now() {
  using namespace std::chrono;
  return rfc3339(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

/// As a JSON string of ASCII only: a terminal obeys more than the ASCII control characters.
std::string quoted(std::string_view text) {
  std::string kept{text.substr(0, limits::log_value_bytes_max)};
  if (kept.size() < text.size())
    kept += "...";
  return json(std::move(kept)).dump(-1, ' ', true, json::error_handler_t::replace);
}

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

void append_value(std::string& line, std::string_view value) {
  const auto bare = [](char c) {
    return is_printable(c) && c != ' ' && c != '"' && c != '=' && c != '\\';
  };
  if (!value.empty() && value.size() <= limits::log_value_bytes_max &&
      std::all_of(value.begin(), value.end(), bare))
    line += value;
  else
    line += quoted(value);
}

std::string text_line(level l, std::string_view event, std::initializer_list<field> fields) {
  auto line = now();
  line += ' ';
  line += name_of(l);
  line += ' ';
  if (std::all_of(event.begin(), event.end(), is_printable))
    line += event;
  else
    line += quoted(event);
  for (const auto& f : fields) {
    line += ' ';
    line += f.name;
    line += '=';
    append_value(line, f.value);
  }
  return line;
}

std::string json_line(level l, std::string_view event, std::initializer_list<field> fields) {
  auto line = R"({"time":")" + now() + R"(","level":")" + name_of(l) + R"(","event":)";
  line += quoted(event);
  for (const auto& f : fields) {
    line += ',';
    line += quoted(f.name);
    line += ':';
    line += quoted(f.value);
  }
  line += '}';
  return line;
}

} // namespace

bool is_on(level l) noexcept {
  return l >= least.load(std::memory_order_relaxed);
}

void configure(level new_least, format new_how) {
  least.store(new_least, std::memory_order_relaxed);
  how.store(new_how, std::memory_order_relaxed);
}

void write(level l, std::string_view event, std::initializer_list<field> fields) {
  if (l < least.load(std::memory_order_relaxed))
    return;
  const auto line = how.load(std::memory_order_relaxed) == format::json
                        ? json_line(l, event, fields)
                        : text_line(l, event, fields);
  sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

} // namespace ares::log
