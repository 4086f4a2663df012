#include "store/server_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace ares::store {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t socket_path_bytes_max = sizeof sockaddr_un{}.sun_path - 1;
constexpr std::uintmax_t log_bytes_max = 10 * 1024 * 1024;
constexpr std::streamoff log_tail_bytes = 4096;

error failure(const std::string& what, const std::string& why) {
  return {errc::internal, what + ": " + why};
}

/// As redis.conf wants a string with any bytes in it.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

/// A folder that is ours alone: nobody else can have put a socket there.
bool is_private_folder(const std::string& path) {
  struct stat s = {};
  return lstat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode) && s.st_uid == geteuid() &&
         (s.st_mode & 077) == 0;
}

std::string first_line(const std::string& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

} // namespace

result<std::unique_ptr<server_folder>> server_folder::open(const std::string& data_dir) {
  std::error_code problem;
  const auto wanted = fs::absolute(data_dir, problem) / "redis";
  fs::create_directories(wanted.parent_path(), problem);
  if (!problem && mkdir(wanted.c_str(), 0700) != 0 && errno != EEXIST)
    problem.assign(errno, std::generic_category());
  const auto path = problem ? wanted : fs::canonical(wanted, problem);
  if (!problem && access(path.c_str(), R_OK | W_OK | X_OK) != 0)
    problem.assign(errno, std::generic_category());
  if (problem)
    return failure("data_dir " + data_dir, problem.message());
  std::unique_ptr<server_folder> folder(new server_folder(path));
  if (auto locked = folder->lock(data_dir); !locked)
    return locked.failure();
  if (auto settled = folder->settle_socket(); !settled)
    return settled.failure();
  return folder;
}

std::string server_folder::socket_of(const std::string& data_dir) {
  std::error_code problem;
  const auto path = fs::canonical(fs::absolute(data_dir, problem) / "redis", problem).string();
  if (problem)
    return {};
  const auto socket = path + "/redis.sock";
  if (socket.size() <= socket_path_bytes_max)
    return socket;
  const auto folder = first_line(path + "/socket");
  return is_private_folder(folder) ? folder + "/redis.sock" : std::string();
}

server_folder::~server_folder() {
  unlock();
}

void server_folder::unlock() {
  if (lock_ >= 0)
    close(std::exchange(lock_, -1));
}

result<std::monostate> server_folder::lock(const std::string& data_dir) {
  const auto file = path_ + "/lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    return failure("data_dir " + data_dir, std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return failure("data_dir " + data_dir, std::strerror(errno));
    return error{errc::internal, "data_dir " + data_dir + " is in use by another ares node (pid " +
                                     first_line(file) + ")"};
  }
  const auto text = std::to_string(getpid()) + "\n";
  if (ftruncate(lock_, 0) != 0 ||
      pwrite(lock_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return failure("data_dir " + data_dir, std::strerror(errno));
  return std::monostate{};
}

/// A socket's path is bounded by the kernel. Where the folder's is too long, the socket gets a
/// short folder of its own, which the file `socket` remembers: a live server must be found again.
result<std::monostate> server_folder::settle_socket() {
  socket_ = path_ + "/redis.sock";
  if (socket_.size() <= socket_path_bytes_max)
    return std::monostate{};
  const auto memory = path_ + "/socket";
  auto folder = first_line(memory);
  if (!is_private_folder(folder)) {
    folder = "/tmp/ares-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr)
      return failure(folder, std::strerror(errno));
    if (!(std::ofstream(memory) << folder << std::endl))
      return failure(memory, std::strerror(errno));
  }
  socket_ = folder + "/redis.sock";
  return std::monostate{};
}

result<std::monostate> server_folder::write_configuration(const private_server_options& o) const {
  const bool always = o.fsync == store_config::fsync_policy::always;
  std::ostringstream text;
  text << "# Written by ares at each start: changes made here are lost.\n"
       << "daemonize no\n"
       << "port 0\n"
       << "protected-mode yes\n"
       << "enable-debug-command no\n"
       << "unixsocket " << quoted(socket_) << "\n"
       << "unixsocketperm 700\n"
       << "dir " << quoted(path_) << "\n"
       << "pidfile " << quoted(pid_file()) << "\n"
       << "logfile \"\"\n"
       << "set-proc-title no\n" // it would write over its environment
       << "save \"\"\n"
       << "appendonly yes\n"
       << "appendfsync " << (always ? "always" : "everysec") << "\n"
       << "no-appendfsync-on-rewrite no\n"
       << "auto-aof-rewrite-percentage 100\n"
       << "auto-aof-rewrite-min-size 64mb\n"
       << "aof-load-truncated yes\n"
       << "maxmemory " << o.max_memory_mb << "mb\n" // 0: no bound
       << "maxmemory-policy noeviction\n";
  std::ofstream file(configuration(), std::ios::trunc);
  file << text.str();
  file.close();
  if (!file)
    return failure(configuration(), std::strerror(errno));
  return std::monostate{};
}

std::string server_folder::last_log_line() const {
  std::ifstream in(log(), std::ios::ate);
  if (!in)
    return {};
  in.seekg(-std::min<std::streamoff>(in.tellg(), log_tail_bytes), std::ios::end);
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      last = std::move(line);
  return last;
}

void server_folder::bound_log() const {
  std::error_code ignored;
  const auto size = fs::file_size(log(), ignored);
  if (!ignored && size > log_bytes_max)
    fs::rename(log(), log() + ".1", ignored);
}

} // namespace ares::store
