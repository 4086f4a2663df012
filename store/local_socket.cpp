#include "store/local_socket.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace ares::store {

local_socket::local_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return;
  close(descriptor_);
  descriptor_ = -1;
}

local_socket::~local_socket() {
  if (descriptor_ >= 0)
    close(descriptor_);
}

pid_t local_socket::peer() const noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  return getsockopt(descriptor_, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.pid : 0;
}

std::string local_socket::ask(std::string_view command) {
  const auto line = std::string(command) + "\r\n";
  if (send(descriptor_, line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size()))
    return {};
  std::string answer;
  char next = 0;
  while (answer.size() < 1024 && recv(descriptor_, &next, 1, 0) == 1) {
    if (next == '\n')
      return answer;
    if (next != '\r')
      answer += next;
  }
  return {};
}

} // namespace ares::store
