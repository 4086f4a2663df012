// A redis-server process as the operating system sees it: begun, recognised, ended.
#pragma once

#include "conf/result.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ares::store {

/// A process that may be a child of ours or not. Move-only; letting go of it does not end it.
class server_process {
public:
  server_process() = default;
  server_process(server_process&& other) noexcept { *this = std::move(other); }
  server_process& operator=(server_process&& other) noexcept;
  ~server_process();

  struct begin_options {
    std::string program;                 // absolute
    std::string configuration;           // a file, which it gets as its standard input
    std::string folder;                  // to run in
    std::string log_file;                // gets its standard output and error, appended
    std::vector<std::string> hidden_env; // not inherited
  };
  /// In a session of its own, without any of our descriptors, with default signals. Safe beside
  /// other threads.
  [[nodiscard]] static result<server_process> begin(const begin_options& options);

  /// The live redis-server `pid`, if that is what runs under this number and it runs in `folder`;
  /// a number that a stranger got meanwhile gives nothing.
  [[nodiscard]] static std::optional<server_process> recognise(pid_t pid,
                                                               const std::string& folder);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Readable once the process has ended; -1 where the kernel has no such thing.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool ended();
  /// SIGTERM, and SIGKILL if it has not ended in time; returns once it has.
  void end(std::chrono::milliseconds patience);

private:
  server_process(pid_t pid, bool child);
  void signal(int number) const noexcept;
  bool ended_within(std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  bool child_ = false;
  int descriptor_ = -1;
};

/// The absolute path of redis-server, or else of valkey-server, in PATH or where distributions put
/// them; empty if there is none.
[[nodiscard]] std::string find_server_program();

} // namespace ares::store
