#include "store/server_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

namespace ares::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// How often the end of a process is looked for where the kernel does not tell it.
constexpr auto look_pause = 5ms;

bool is_hidden(std::string_view entry, const std::vector<std::string>& names) {
  const auto name = entry.substr(0, entry.find('='));
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<char*> environment_without(const std::vector<std::string>& names) {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!is_hidden(*entry, names))
      kept.push_back(*entry);
  kept.push_back(nullptr);
  return kept;
}

/// What posix_spawn is told, freed at the end.
struct spawn_plan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit spawn_plan(const server_process::begin_options& o) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, o.configuration.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, o.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawn_file_actions_addchdir_np(&actions, o.folder.c_str());
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
  }
  ~spawn_plan() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;
};

/// Debian's redis-server is a link to redis-check-rdb: one program under several names.
bool is_server_program(const std::string& name) {
  using namespace std::string_view_literals;
  constexpr std::array beginnings{"redis-server"sv, "redis-check-"sv, "valkey-server"sv,
                                  "valkey-check-"sv};
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](auto beginning) { return name.starts_with(beginning); });
}

} // namespace

server_process::server_process(pid_t pid, bool child)
    : pid_(pid), child_(child), descriptor_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

server_process& server_process::operator=(server_process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(child_, other.child_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

server_process::~server_process() {
  if (descriptor_ >= 0)
    close(descriptor_);
}

result<server_process> server_process::begin(const begin_options& o) {
  const spawn_plan plan(o);
  auto environment = environment_without(o.hidden_env);
  // Given by name, a configuration file would be taken for a pattern (`?`, `*`, `[` in its path).
  std::string program = o.program, standard_input = "-";
  char* arguments[] = {program.data(), standard_input.data(), nullptr};
  pid_t pid = -1;
  const int problem = posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, arguments,
                                  environment.data());
  if (problem != 0)
    return error{errc::internal, "cannot start " + program + ": " + std::strerror(problem)};
  return server_process(pid, true);
}

std::optional<server_process> server_process::recognise(pid_t pid, const std::string& folder) {
  if (pid <= 1)
    return std::nullopt;
  // The descriptor first: from then on the number cannot change hands unnoticed.
  server_process found(pid, false);
  std::error_code unreadable;
  const auto process = "/proc/" + std::to_string(pid);
  const auto program = fs::read_symlink(process + "/exe", unreadable).filename().string();
  const auto runs_in = fs::read_symlink(process + "/cwd", unreadable).string();
  if (!is_server_program(program) || runs_in != folder || found.ended())
    return std::nullopt;
  return found;
}

bool server_process::ended() {
  if (pid_ <= 0)
    return true;
  if (child_) {
    const auto reaped = waitpid(pid_, nullptr, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR))
      return false;
    pid_ = -1; // reaped: the number may be someone else's from now on
    return true;
  }
  if (descriptor_ < 0)
    return kill(pid_, 0) != 0 && errno == ESRCH;
  pollfd watched{descriptor_, POLLIN, 0};
  return poll(&watched, 1, 0) > 0;
}

void server_process::signal(int number) const noexcept {
  if (descriptor_ >= 0)
    syscall(SYS_pidfd_send_signal, descriptor_, number, nullptr, 0);
  else
    kill(pid_, number);
}

bool server_process::ended_within(std::chrono::milliseconds patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!ended()) {
    if (std::chrono::steady_clock::now() > give_up)
      return false;
    std::this_thread::sleep_for(look_pause);
  }
  return true;
}

void server_process::end(std::chrono::milliseconds patience) {
  if (ended())
    return;
  signal(SIGTERM);
  if (ended_within(patience))
    return;
  signal(SIGKILL);
  ended_within(patience);
}

std::string find_server_program() {
  const char* given = std::getenv("PATH");
  const std::string path = std::string(given ? given : "") +
                           ":/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
  for (const auto* name : {"redis-server", "valkey-server"})
    for (std::size_t begin = 0, end = 0; end != path.npos; begin = end + 1) {
      end = path.find(':', begin);
      const auto folder = path.substr(begin, end == path.npos ? end : end - begin);
      auto program = folder + "/" + name;
      if (folder.starts_with('/') && access(program.c_str(), X_OK) == 0)
        return program;
    }
  return {};
}

} // namespace ares::store
