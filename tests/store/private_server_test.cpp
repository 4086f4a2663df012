#include "store/private_server.hpp"
#include "store/redis.hpp"
#include "store/server_process.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

using namespace ares;
using namespace ares::store;
using namespace std::chrono_literals;
using ares::tests::ask_redis;
using ares::tests::temporary_folder;
namespace fs = std::filesystem;

namespace {

private_server_options in(const fs::path& folder) {
  private_server_options o;
  o.data_dir = folder / "data";
  return o;
}

std::unique_ptr<private_server> started(const private_server_options& o) {
  auto r = private_server::start(o);
  if (!r)
    FAIL(r.failure().message);
  return std::move(*r);
}

std::string socket_of(const private_server& s) {
  redis_address address;
  REQUIRE(parse_redis_url(s.url(), address));
  return address.path;
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Who listens on the socket.
pid_t server_pid(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int connection = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ucred who{};
  socklen_t size = sizeof who;
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size);
  close(connection);
  return who.pid;
}

template <class Condition> bool eventually(Condition c) {
  for (const auto end = std::chrono::steady_clock::now() + 20s;
       std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(2ms))
    if (c())
      return true;
  return false;
}

/// A node of its own: a process that starts a private server and then waits to be killed.
class other_node {
public:
  explicit other_node(const private_server_options& o) : folder_(fs::path(o.data_dir) / "redis") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      auto server = private_server::start(o);
      const char answer = server ? 'y' : 'n';
      if (write(ends[1], &answer, 1) == 1)
        pause();
      _exit(1);
    }
    char answer = 'n';
    REQUIRE(read(ends[0], &answer, 1) == 1);
    REQUIRE(answer == 'y');
    close(ends[0]);
    close(ends[1]);
  }
  ~other_node() {
    kill();
    pid_t pid = 0;
    std::ifstream(folder_ / "redis.pid") >> pid;
    if (auto orphan = server_process::recognise(pid, fs::canonical(folder_)))
      orphan->end(5s);
  }
  void kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  fs::path folder_;
  pid_t pid_ = -1;
};

} // namespace

TEST_CASE("a private server makes its folder, answers, and is gone after stop") {
  temporary_folder folder;
  auto server = started(in(folder.path()));
  const auto socket = socket_of(*server);
  CHECK(socket == (folder.path() / "data/redis/redis.sock").string());
  CHECK(ask_redis(socket, "PING") == "+PONG\r\n");
  CHECK((fs::status(folder.path() / "data/redis").permissions() & fs::perms::mask) ==
        fs::perms::owner_all);
  CHECK((fs::status(socket).permissions() & fs::perms::mask) == fs::perms::owner_all);
  const auto pid = server_pid(socket);
  server->stop();
  server->stop();
  CHECK(ask_redis(socket, "PING").empty());
  CHECK(kill(pid, 0) != 0);
}

TEST_CASE("a private server keeps its data over stop and start") {
  temporary_folder folder;
  {
    auto server = started(in(folder.path()));
    CHECK(ask_redis(socket_of(*server), "SET a 1") == "+OK\r\n");
  }
  auto server = started(in(folder.path()));
  CHECK(ask_redis(socket_of(*server), "GET a") == "$1\r\n1\r\n");
}

TEST_CASE("a private server that was killed comes back with its data, again and again") {
  temporary_folder folder;
  auto server = started(in(folder.path()));
  const auto socket = socket_of(*server);
  for (int round = 0; round < 3; ++round) {
    const auto key = std::to_string(round);
    CHECK(ask_redis(socket, "SET k" + key + " " + key) == "+OK\r\n");
    const auto before = server_pid(socket);
    REQUIRE(before > 0);
    REQUIRE(kill(before, SIGKILL) == 0);
    REQUIRE(eventually([&] {
      const auto now = server_pid(socket);
      return now > 0 && now != before && ask_redis(socket, "PING") == "+PONG\r\n";
    }));
    CHECK(ask_redis(socket, "GET k" + key) == "$1\r\n" + key + "\r\n");
  }
}

TEST_CASE("a truncated end of the append-only file is survived") {
  temporary_folder folder;
  {
    auto server = started(in(folder.path()));
    CHECK(ask_redis(socket_of(*server), "SET a 1") == "+OK\r\n");
    CHECK(ask_redis(socket_of(*server), "SET b 2") == "+OK\r\n");
  }
  for (const auto& entry : fs::directory_iterator(folder.path() / "data/redis/appendonlydir"))
    if (entry.path().string().ends_with(".incr.aof"))
      fs::resize_file(entry.path(), entry.file_size() - 3);
  auto server = started(in(folder.path()));
  CHECK(ask_redis(socket_of(*server), "GET a") == "$1\r\n1\r\n");
  CHECK(ask_redis(socket_of(*server), "GET b") == "$-1\r\n");
}

TEST_CASE("the live server of a node that was killed is adopted, with the new node's options") {
  temporary_folder folder;
  auto options = in(folder.path());
  other_node node(options);
  const auto socket = (folder.path() / "data/redis/redis.sock").string();
  const auto pid = server_pid(socket);
  REQUIRE(pid > 0);
  CHECK(ask_redis(socket, "SET a 1") == "+OK\r\n");
  node.kill();
  options.fsync = store_config::fsync_policy::everysec;
  options.max_memory_mb = 64;
  auto server = started(options);
  CHECK(server_pid(socket) == pid);
  CHECK(ask_redis(socket, "GET a") == "$1\r\n1\r\n");
  CHECK(ask_redis(socket, "CONFIG GET appendfsync").find("everysec") != std::string::npos);
  CHECK(ask_redis(socket, "CONFIG GET maxmemory").find("67108864") != std::string::npos);

  SECTION("and is watched like a child") {
    REQUIRE(kill(pid, SIGKILL) == 0);
    REQUIRE(eventually([&] { return server_pid(socket) > 0 && server_pid(socket) != pid; }));
    REQUIRE(eventually([&] { return ask_redis(socket, "GET a") == "$1\r\n1\r\n"; }));
  }
  SECTION("and is stopped like a child") {
    server->stop();
    CHECK(ask_redis(socket, "PING").empty());
  }
}

TEST_CASE("a server in the folder that has lost its socket is ended before another starts") {
  temporary_folder folder;
  other_node node(in(folder.path()));
  const auto socket = folder.path() / "data/redis/redis.sock";
  const auto pid = server_pid(socket);
  CHECK(ask_redis(socket, "SET a 1") == "+OK\r\n");
  node.kill();
  fs::rename(socket, folder.path() / "data/redis/lost.sock");
  // It would be waited for as one that is still loading; its end makes that short.
  std::thread end([&] {
    std::this_thread::sleep_for(100ms);
    kill(pid, SIGTERM);
  });
  auto server = started(in(folder.path()));
  end.join();
  CHECK(server_pid(socket) != pid);
  CHECK(ask_redis(socket, "GET a") == "$1\r\n1\r\n");
}

TEST_CASE("a data_dir that another live node uses is refused with one line that names it") {
  temporary_folder folder;
  const auto options = in(folder.path());
  const auto expected = [&](pid_t pid) {
    return "data_dir " + options.data_dir + " is in use by another ares node (pid " +
           std::to_string(pid) + ")";
  };
  SECTION("another process") {
    other_node node(options);
    const auto r = private_server::start(options);
    REQUIRE_FALSE(r);
    CHECK(r.failure().message == expected(node.pid()));
    CHECK(server_pid(folder.path() / "data/redis/redis.sock") > 0);
  }
  SECTION("this process") {
    auto server = started(options);
    const auto r = private_server::start(options);
    REQUIRE_FALSE(r);
    CHECK(r.failure().message == expected(getpid()));
    server->stop();
    CHECK(private_server::start(options));
  }
}

TEST_CASE("a stale pid file whose number a stranger has harms nobody") {
  temporary_folder folder;
  fs::create_directories(folder.path() / "data/redis");
  std::ofstream(folder.path() / "data/redis/redis.pid") << getpid() << "\n";
  std::ofstream(folder.path() / "data/redis/redis.sock") << "no socket";
  auto server = started(in(folder.path()));
  CHECK(ask_redis(socket_of(*server), "PING") == "+PONG\r\n");
  CHECK(server_pid(socket_of(*server)) != getpid());
}

TEST_CASE("the server inherits the environment less what is hidden, and no descriptor") {
  temporary_folder folder;
  // Redis writes its title over /proc/PID/environ, so a wrapper takes the environment down.
  const auto wrapper = folder.path() / "redis-server";
  std::ofstream(wrapper) << "#!/bin/sh\nenv > '" << folder.path().string() << "/environment'\n"
                         << "exec '" << find_server_program() << "' \"$@\"\n";
  fs::permissions(wrapper, fs::perms::owner_all);
  const char* given = std::getenv("PATH");
  REQUIRE(given);
  const std::string path = given;
  setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  setenv("ARES_TEST_HIDDEN", "secret", 1);
  setenv("ARES_TEST_HIDDEN_NOT", "open", 1);
  const int leaked = open(wrapper.c_str(), O_RDONLY); // without close-on-exec
  auto options = in(folder.path());
  options.hidden_env = {"ARES_TEST_HIDDEN"};
  auto server = started(options);
  setenv("PATH", path.c_str(), 1);
  close(leaked);

  const auto environment = read_file(folder.path() / "environment");
  CHECK(environment.find("ARES_TEST_HIDDEN=") == environment.npos);
  CHECK(environment.find("ARES_TEST_HIDDEN_NOT=open") != environment.npos);
  const auto process = "/proc/" + std::to_string(server_pid(socket_of(*server)));
  for (const auto& entry : fs::directory_iterator(process + "/fd")) {
    std::error_code closed_since;
    const auto target = fs::read_symlink(entry.path(), closed_since).string();
    CAPTURE(target);
    CHECK(target.find("/lock") == target.npos);
    CHECK(target != wrapper);
  }
}

TEST_CASE("the server runs in a session of its own") {
  temporary_folder folder;
  auto server = started(in(folder.path()));
  const auto pid = server_pid(socket_of(*server));
  CHECK(getsid(pid) == pid);
  CHECK(getsid(pid) != getsid(0));
}

TEST_CASE("the options reach the server") {
  temporary_folder folder;
  auto options = in(folder.path());
  options.max_memory_mb = 32;
  auto server = started(options);
  const auto says = [&](const std::string& name) {
    return ask_redis(socket_of(*server), "CONFIG GET " + name);
  };
  CHECK(says("appendonly").find("\r\nyes\r\n") != std::string::npos);
  CHECK(says("appendfsync").find("\r\nalways\r\n") != std::string::npos);
  CHECK(says("maxmemory").find("\r\n33554432\r\n") != std::string::npos);
  CHECK(says("maxmemory-policy").find("\r\nnoeviction\r\n") != std::string::npos);
  CHECK(says("save").find("\r\n$0\r\n") != std::string::npos);
  CHECK(ask_redis(socket_of(*server), "DEBUG SLEEP 0").starts_with("-ERR"));
}

TEST_CASE("a path too long for a socket, or with odd characters, works and is found again") {
  temporary_folder folder;
  const auto name = GENERATE(as<std::string>{}, std::string(120, 'x'), "a \"b\" %?\\ c");
  auto options = in(folder.path() / name);
  std::string socket;
  {
    other_node node(options);
    node.kill();
    auto server = started(options);
    socket = socket_of(*server);
    CHECK(socket.size() < 108);
    CHECK(ask_redis(socket, "SET a 1") == "+OK\r\n");
  }
  auto server = started(options);
  CHECK(socket_of(*server) == socket);
  CHECK(ask_redis(socket, "GET a") == "$1\r\n1\r\n");
  server->stop();
  if (socket.starts_with("/tmp/ares-") && !socket.starts_with(folder.path().string()))
    fs::remove_all(fs::path(socket).parent_path());
}

TEST_CASE("a data_dir that cannot be used is refused with one line") {
  temporary_folder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto r = private_server::start(in(folder.path() / "file"));
  REQUIRE_FALSE(r);
  CHECK(r.failure().message.starts_with("data_dir " + (folder.path() / "file").string()));
  CHECK(r.failure().message.find('\n') == std::string::npos);
}

TEST_CASE("a server that ends at its start is told with its last words") {
  temporary_folder folder;
  const auto data = folder.path() / "data/redis/appendonlydir";
  fs::create_directories(data);
  std::ofstream(data / "appendonly.aof.manifest") << "nonsense\n";
  const auto r = private_server::start(in(folder.path()));
  REQUIRE_FALSE(r);
  CAPTURE(r.failure().message);
  CHECK(r.failure().message.find(" ended: ") != std::string::npos);
  CHECK(r.failure().message.size() > 40);
}
