// A real redis-server for tests: on a Unix socket in a temporary folder, up in a few milliseconds,
// gone with the object. Make it on a thread that outlives it: it dies with that thread too.
//
// ARES_TEST_STORE=cluster in the environment starts every one in cluster mode,
// ARES_TEST_STORE_PROGRAM another program, such as valkey-server.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ares::tests {

/// A folder under the system's temporary one that is removed with everything in it.
class temporary_folder {
public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

struct test_server_options {
  /// An append-only file with `appendfsync always`, so that `kill` and `start` lose nothing.
  bool append_only = false;
  /// In cluster mode, as the only node, with all slots.
  bool cluster = false;
  /// Further arguments of redis-server, `{"--maxmemory", "2mb"}`.
  std::vector<std::string> arguments;
};

class test_server {
public:
  /// Throws std::runtime_error if the server does not come up.
  explicit test_server(test_server_options options = {});
  ~test_server();
  test_server(const test_server&) = delete;
  test_server& operator=(const test_server&) = delete;

  [[nodiscard]] std::string url() const { return "unix://" + socket(); }
  [[nodiscard]] std::string socket() const { return folder_.path() / "redis.sock"; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  void kill();    // SIGKILL, and waits for its end
  void start();   // again, after `kill`; waits until it answers
  void suspend(); // SIGSTOP
  void resume();  // SIGCONT

private:
  void take_all_slots() const;

  temporary_folder folder_;
  test_server_options options_;
  pid_t pid_ = -1;
};

/// Sends an inline command over a connection of its own and gives what came back, as it came;
/// empty if there is nobody. Waits at most two seconds.
[[nodiscard]] std::string ask_redis(const std::string& socket, const std::string& command);

/// A TCP port of the loopback interface that nobody uses now.
[[nodiscard]] int free_port();

} // namespace ares::tests
