// Every bound that is not configuration, with its unit in its name and the reason for its figure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

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
/// Between two attempts to store an end.
inline constexpr milliseconds store_retry_pause{100};
/// A script call of 128 operations keeps Redis busy for some 2 ms.
inline constexpr std::size_t batch_operations_max = 128;
inline constexpr std::size_t batch_bytes_max = 4u << 20;
/// Of one tenant, waiting for its batch: above, new work is refused. Ends are not counted.
inline constexpr std::size_t tenant_operations_waiting_max = 8192;
/// Keys under look-up at once.
inline constexpr std::size_t directory_lookups_max = 4096;
/// `last_used` may lag by 5 s.
inline constexpr milliseconds key_stamp_pause{4000};

// -- runs and streams ---------------------------------------------------------

/// What one stream may hold of the process's memory, and what an attach gets of what was said
/// before it (CONTRACT: 256 KiB).
inline constexpr std::size_t stream_buffer_bytes_max = 256u << 10;
/// A tool's answer goes into the next prompt: 16 KiB are about 4,000 tokens.
inline constexpr std::size_t tool_result_bytes_max = 16u << 10;

/// Pieces of an answer under way to the client of a stream; each is at most one read of the
/// upstream.
inline constexpr std::uint32_t stream_credit = 4;
/// A 503 is due within 500 ms of a request when the store is away.
inline constexpr milliseconds admission_wait{480};
/// How long a client waits for its run's end to be stored.
inline constexpr milliseconds end_wait{10'000};
inline constexpr milliseconds keep_alive_pause{15'000};
/// A node that has the run gets this long to carry a cancel out; then the store does.
inline constexpr milliseconds cancel_wait{2000};
/// A tenant whose supervisor crashes more often is left alone until its next request.
inline constexpr milliseconds supervisor_restart_pause{5000};
/// A provider says at once what a dropped call consumed; one that does not has crashed.
inline constexpr milliseconds drop_wait{2000};
/// Between two looks at a run that another node has.
inline constexpr milliseconds poll_pause{200};

// -- cluster ------------------------------------------------------------------

inline constexpr milliseconds beat_pause{500};
/// A node whose own beats paused longer has no opinion on others.
inline constexpr milliseconds beat_gap_max{1500};
/// A heartbeat that stood still for so long: the node is dead.
inline constexpr milliseconds node_silence_max{5000};

} // namespace ares::limits
