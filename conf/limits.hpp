// Every bound that is not configuration, with its unit in its name and the reason for its figure.
#pragma once

#include <chrono>
#include <cstddef>

namespace ares::limits {

using std::chrono::milliseconds;

// -- configuration ------------------------------------------------------------

/// A file with thousands of templates is far smaller; what is larger is not a configuration.
inline constexpr std::size_t config_file_bytes_max = 4u << 20;
/// A prompt is read again at every call of the agent; 64 KiB are about 16,000 tokens.
inline constexpr std::size_t system_prompt_bytes_max = 64u << 10;
/// OpenAI's own bound on `stop`.
inline constexpr std::size_t stop_sequences_max = 4;
/// Each round is a provider call that is paid for.
inline constexpr int tool_iterations_max = 50;
/// A run that takes an hour is not one that a client waits for.
inline constexpr milliseconds agent_timeout_max{3'600'000};
inline constexpr int provider_retries_max = 10;

// -- logs ---------------------------------------------------------------------

/// A line stays readable, and a hostile value cannot fill the disk.
inline constexpr std::size_t log_value_bytes_max = 4096;

// -- store --------------------------------------------------------------------

/// Of one command. Below half a second, so that an admission can be tried twice within one second.
inline constexpr milliseconds store_deadline{450};

// -- runs and streams ---------------------------------------------------------

/// What one stream may hold of the process's memory, and what an attach gets of what was said
/// before it (CONTRACT: 256 KiB).
inline constexpr std::size_t stream_buffer_bytes_max = 256u << 10;
/// A tool's answer goes into the next prompt: 16 KiB are about 4,000 tokens.
inline constexpr std::size_t tool_result_bytes_max = 16u << 10;

} // namespace ares::limits
