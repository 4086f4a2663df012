// The connection to Redis: asynchronous, pipelined, reconnecting, every command with a deadline.
//
// One thread of its own polls one hiredis context. Commands submitted while a write is out are
// written together. Knows no actor and no tenant: completion callbacks only.
#pragma once

#include "conf/clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ares::store {

/// A Redis reply as an owned tree.
struct reply {
  enum class kind { nil, integer, text, array, error };
  kind type = kind::nil;
  std::int64_t integer = 0;
  std::string text; // text, status and error replies
  std::vector<reply> items;
};

/// What became of a command.
enum class fate {
  done,        // `value` holds Redis' answer, which may be an error reply of its own
  unavailable, // certainly not executed and never will be: not sent, or refused (LOADING, READONLY,
               // MISCONF, MASTERDOWN, CLUSTERDOWN)
  full,        // certainly not executed: OOM
  unknown,     // sent, no answer in time or the connection was lost: executed, not, or yet to be
};

struct answer {
  fate what = fate::unavailable;
  reply value;
};

/// A Lua script, or a function of a library: text embedded at build time from store/scripts/ (see
/// store/scripts.hpp).
struct script {
  std::string name;
  std::string text;       // of a function: its whole library
  std::string sha1;       // 40 hexadecimal digits; of a function: empty
  std::string function{}; // its name for Redis; of a script: empty
};

/// One command. With a script it is sent as EVALSHA (and, on NOSCRIPT, once more as EVAL); with a
/// function as FCALL (and, where Redis does not know it, once more behind a FUNCTION LOAD).
/// `arguments` are then the keys and the arguments behind them.
struct command {
  const script* run = nullptr; // must outlive the connection
  std::size_t keys = 0;        // with a script: how many of the arguments are keys
  std::vector<std::string> arguments;
  std::chrono::milliseconds deadline{450};
};

struct redis_options {
  std::string
      url; // redis://[user:password@]host:port[/db] or unix:///path[?db=N]; see parse_redis_url
  std::chrono::milliseconds connect_deadline{1000};
  std::chrono::milliseconds ping_deadline{400};
  /// A sent command without an answer for this long means a dead connection: cut, reconnect.
  std::chrono::milliseconds silence_max{3000};
  std::size_t queue_commands_max = 65536;   // above: `unavailable` at once
  std::size_t queue_bytes_max = 256u << 20; // of all arguments under way; likewise
};

/// Thread-safe. Callbacks run on the store's thread, exactly once each, never inside `submit`;
/// they must not block, and may submit. Destruction answers what was sent with `unknown` and the
/// rest, what callbacks still submit included, with `unavailable`.
///
/// A command waits for a connection until its deadline; once Redis has been away for longer than
/// 100 ms, further ones are `unavailable` at once. A command that was never completely sent is
/// never `unknown`.
class redis {
public:
  using callback = std::function<void(answer)>;

  /// Starts the thread and connects in the background. `clock` learns from `TIME` at each
  /// (re)connect and every few seconds; it must outlive the connection.
  redis(redis_options options, store_clock& clock);
  ~redis();
  redis(const redis&) = delete;
  redis& operator=(const redis&) = delete;

  void submit(command c, callback done);

  /// Blocks the calling thread until the answer (or its deadline): for start-up, administration
  /// and tools; never from a scheduler or HTTP thread.
  [[nodiscard]] answer call(command c);

  /// Connected and answered a PING within its deadline. After a reconnect commands are sent only
  /// once a PING was answered.
  [[nodiscard]] bool ready() const noexcept;

  /// Called on the store's thread at each change of `ready`. At most one; set before use.
  void on_ready_change(std::function<void(bool)> watcher);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Where a URL leads; nothing if it is malformed. Credentials and paths may be percent-encoded.
struct redis_address {
  std::string host; // empty with a Unix socket
  std::uint16_t port = 6379;
  std::string path;
  std::string user, password;
  int database = 0;
};
[[nodiscard]] bool parse_redis_url(std::string_view url, redis_address& out);

} // namespace ares::store
