// A few questions to a redis-server on a Unix socket, one after the other, blocking with a bound:
// for starting and recognising it. Everything else goes through store/redis.hpp.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace ares::store {

class local_socket {
public:
  /// Connects; nobody there is no error, `connected` says so.
  explicit local_socket(const std::string& path);
  ~local_socket();
  local_socket(const local_socket&) = delete;
  local_socket& operator=(const local_socket&) = delete;

  [[nodiscard]] bool connected() const noexcept { return descriptor_ >= 0; }
  /// Who listens; 0 if the system does not say.
  [[nodiscard]] pid_t peer() const noexcept;
  /// The first line of the answer to an inline command, without its end; empty if there is none in
  /// a second.
  [[nodiscard]] std::string ask(std::string_view command);

private:
  int descriptor_ = -1;
};

} // namespace ares::store
