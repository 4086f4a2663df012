// The private redis-server of a node: started, watched, stopped.
//
// Lives on a Unix socket below `data_dir`, in its own process session, append-only file on. Its
// configuration, socket, log, pid and lock lie in `data_dir`/redis. valkey-server is used where
// only that is there.
#pragma once

#include "conf/config.hpp"
#include "conf/result.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ares::store {

struct private_server_options {
  std::string data_dir;
  store_config::fsync_policy fsync = store_config::fsync_policy::always;
  std::int64_t max_memory_mb = 0;
  /// Environment variables that the server must not inherit (configured secrets).
  std::vector<std::string> hidden_env;
};

/// Thread-safe. A thread of its own restarts the server when it dies (with a growing pause).
class private_server {
public:
  /// Takes the lock on `data_dir`, starts the server (or adopts the live one of a dead node) and
  /// waits until it has loaded its data. Errors (one line): the directory cannot be used; another
  /// node is using it; no redis-server is installed; it ended (its last log line).
  [[nodiscard]] static result<std::unique_ptr<private_server>>
  start(private_server_options options);
  ~private_server(); // `stop` if that was not done

  /// Where the live server of `data_dir` is, whoever started it; empty if there is none.
  [[nodiscard]] static std::string running(const std::string& data_dir);

  /// unix:///abs/path
  [[nodiscard]] std::string url() const;
  /// SIGTERM (flushes the append-only file), SIGKILL after 10 s. Idempotent.
  void stop();

private:
  struct impl;
  explicit private_server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace ares::store
