// What an agent asks of a language model, and what comes back: the vocabulary of all providers.
#pragma once

#include "conf/json.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ares {

struct tool_call {
  std::string id; // the provider's, opaque
  std::string name;
  std::string arguments; // JSON text as the model wrote it: hostile until parsed
};

struct chat_message {
  enum class role { system, user, assistant, tool };
  role from = role::user;
  std::string content;
  std::vector<tool_call> tool_calls; // assistant only
  std::string tool_call_id;          // tool only
};

/// A tool as the model sees it.
struct tool_description {
  std::string name;
  std::string description;
  json parameters; // JSON Schema of the arguments
};

struct completion_request {
  std::string model; // the provider's name of it
  std::vector<chat_message> messages;
  std::vector<tool_description> tools;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<json> response_schema; // JSON Schema of the answer
  bool stream = false;                 // deltas wanted
};

enum class finish_reason { stop, length, tool_calls, content_filter };
[[nodiscard]] const char* to_string(finish_reason r) noexcept;

/// Prompt and completion together; what the provider reported, else the estimate.
struct completion {
  std::string content;
  std::vector<tool_call> tool_calls;
  finish_reason finish = finish_reason::stop;
  std::int64_t tokens = 0;
};

struct completion_failure {
  enum class kind {
    connect,   // refused, unreachable, TLS
    timeout,   // no first byte, or silence between bytes, or the caller's deadline
    status,    // an HTTP error status: `status`
    cut,       // the answer ended before its finish reason
    invalid,   // an answer that cannot be understood, or one over its bound
    busy,      // the provider's queue is full, or its circuit is open
    cancelled, // the caller asked
    injected,  // the simulated provider's failure_rate
  };
  kind what = kind::invalid;
  int status = 0;
  std::optional<std::chrono::milliseconds> retry_after; // of a 429 or 503
  std::string message; // a sentence for a client: no host, no key, no upstream text beyond its own
                       // error message
  std::int64_t tokens = 0; // consumed all the same, as far as known (reported, else estimated from
                           // what was sent and came; 0 if nothing was accepted)
  /// Whether another attempt may help: connect, 408/429/5xx, cut, busy, injected. Not timeouts of
  /// the caller's deadline.
  [[nodiscard]] bool retriable() const noexcept;
};

/// One token for every four characters (Unicode code points), rounded up.
[[nodiscard]] std::int64_t estimate_tokens(std::string_view text) noexcept;
[[nodiscard]] std::int64_t estimate_tokens(std::int64_t characters) noexcept;
[[nodiscard]] std::int64_t count_characters(std::string_view utf8) noexcept;
/// The estimate of everything a request sends as prompt: the sum of its messages' characters / 4,
/// rounded up once.
[[nodiscard]] std::int64_t
estimate_prompt_tokens(const std::vector<chat_message>& messages) noexcept;

} // namespace ares
