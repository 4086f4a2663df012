#include "tests/store/test_server.hpp"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace ares::tests {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

temporary_folder::temporary_folder() {
  auto pattern = (fs::temp_directory_path() / "ares-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("mkdtemp: " + std::string(std::strerror(errno)));
  path_ = pattern;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

test_server::test_server(test_server_options options) : options_(std::move(options)) {
  start();
}

test_server::~test_server() {
  kill();
}

void test_server::kill() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void test_server::suspend() {
  ::kill(pid_, SIGSTOP);
}
void test_server::resume() {
  ::kill(pid_, SIGCONT);
}

namespace {

/// What an environment variable says, or what stands for its absence.
std::string said(const char* variable, const char* otherwise) {
  const char* value = std::getenv(variable);
  return value && *value ? value : otherwise;
}

} // namespace

void test_server::start() {
  std::vector<std::string> words{said("ARES_TEST_STORE_PROGRAM", "redis-server"),
                                 "--port",
                                 "0",
                                 "--save",
                                 "",
                                 "--unixsocket",
                                 socket(),
                                 "--dir",
                                 folder_.path().string(),
                                 "--logfile",
                                 (folder_.path() / "redis.log").string()};
  if (options_.append_only)
    words.insert(words.end(), {"--appendonly", "yes", "--appendfsync", "always"});
  const bool in_cluster = options_.cluster || said("ARES_TEST_STORE", "") == "cluster";
  if (in_cluster)
    words.insert(words.end(),
                 {"--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port",
                  std::to_string(free_port()), "--cluster-port", std::to_string(free_port())});
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);

  ::unlink(socket().c_str());
  const auto parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
      execvp(arguments[0], arguments.data());
    _exit(127);
  }
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  for (;;) {
    const auto answer = ask_redis(socket(), "PING");
    if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
      return in_cluster ? take_all_slots() : void();
    if (waitpid(pid_, nullptr, WNOHANG) != 0 || std::chrono::steady_clock::now() > give_up)
      throw std::runtime_error("redis-server did not come up");
    std::this_thread::sleep_for(2ms);
  }
}

void test_server::take_all_slots() const {
  (void)ask_redis(socket(), "CLUSTER ADDSLOTSRANGE 0 16383"); // again, after a `kill`: it knows
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (ask_redis(socket(), "CLUSTER INFO").find("cluster_state:ok") == std::string::npos) {
    if (std::chrono::steady_clock::now() > give_up)
      throw std::runtime_error("redis-server did not take the slots of its cluster");
    std::this_thread::sleep_for(2ms);
  }
}

std::string ask_redis(const std::string& path, const std::string& command) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{2, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string answer;
  const auto line = command + "\r\n";
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(connection, line.data(), line.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(line.size())) {
    char buffer[4096];
    if (const auto got = recv(connection, buffer, sizeof buffer, 0); got > 0)
      answer.assign(buffer, static_cast<std::size_t>(got));
  }
  close(connection);
  return answer;
}

int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0)
    throw std::runtime_error("no free port");
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  close(listener);
  return ntohs(address.sin_port);
}

} // namespace ares::tests
