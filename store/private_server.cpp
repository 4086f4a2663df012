#include "store/private_server.hpp"

#include "conf/log.hpp"
#include "store/local_socket.hpp"
#include "store/server_folder.hpp"
#include "store/server_process.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ares::store {

using namespace std::chrono_literals;

namespace {

/// A server that says nothing at all for this long does not come up; one that says LOADING does.
constexpr auto silence_max = 60s;
/// One that ran before we came listens already.
constexpr auto adopted_silence_max = 10s;
constexpr auto loading_max = 15min;
constexpr auto progress_pause = 2s;
constexpr auto look_pause = 5ms;
constexpr auto watch_pause = 50ms;
constexpr auto stop_patience = 10s;
constexpr auto restart_pause_min = 50ms, restart_pause_max = 2000ms;
/// A server that lived this long is trusted again: the next pause is a short one.
constexpr auto trusted_after = 30s;

} // namespace

struct private_server::impl {
  private_server_options options;
  std::unique_ptr<server_folder> folder;
  std::string program;
  server_process process; // the watcher's, once that runs

  std::mutex mutex;
  std::condition_variable stop_wanted;
  bool stopping = false; // guarded by mutex
  std::mutex stop_mutex; // one stop at a time
  std::thread watcher;

  // -- start --------------------------------------------------------------------

  result<std::monostate> start() {
    program = find_server_program();
    if (program.empty())
      return error{errc::internal, "neither redis-server nor valkey-server is installed"};
    auto opened = server_folder::open(options.data_dir);
    if (!opened)
      return opened.failure();
    folder = std::move(*opened);
    if (!adopt())
      if (auto begun = begin(); !begun)
        return begun.failure();
    watcher = std::thread([this] {
      sigset_t all;
      sigfillset(&all); // signals are main's
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      pthread_setname_np(pthread_self(), "store-server");
      watch();
    });
    return std::monostate{};
  }

  /// Takes over the live server of a node that is gone: we hold the lock, so it has no other. One
  /// that runs in our folder and does not answer is ended, for two servers must not share a file.
  bool adopt() {
    auto found = find_live_server();
    if (!found)
      return false;
    process = std::move(*found);
    const auto pid = std::to_string(process.pid());
    if (wait_until_serving(adopted_silence_max) && apply_options()) {
      log::info("adopted the private redis-server of a node that is gone", {{"pid", pid}});
      return true;
    }
    log::warn("ending a private redis-server that does not answer", {{"pid", pid}});
    process.end(stop_patience);
    return false;
  }

  [[nodiscard]] std::optional<server_process> find_live_server() const {
    if (const local_socket there(folder->socket()); there.connected())
      if (auto found = server_process::recognise(there.peer(), folder->path()))
        return found;
    pid_t pid = 0;
    std::ifstream(folder->pid_file()) >> pid;
    return server_process::recognise(pid, folder->path());
  }

  /// The adopted server was started with the options of its own node.
  [[nodiscard]] bool apply_options() const {
    const bool always = options.fsync == store_config::fsync_policy::always;
    const auto memory = std::to_string(options.max_memory_mb) + "mb";
    return ask_server(always ? "CONFIG SET appendfsync always"
                             : "CONFIG SET appendfsync everysec") == "+OK" &&
           ask_server("CONFIG SET maxmemory " + memory) == "+OK";
  }

  /// Empty if our process does not answer; another one on its socket is not asked.
  [[nodiscard]] std::string ask_server(const std::string& command) const {
    local_socket there(folder->socket());
    return there.connected() && there.peer() == process.pid() ? there.ask(command) : std::string();
  }

  result<std::monostate> begin() {
    if (auto written = folder->write_configuration(options); !written)
      return written;
    folder->bound_log();
    auto begun = server_process::begin({.program = program,
                                        .configuration = folder->configuration(),
                                        .folder = folder->path(),
                                        .log_file = folder->log(),
                                        .hidden_env = options.hidden_env});
    if (!begun)
      return begun.failure();
    process = std::move(*begun);
    if (wait_until_serving(silence_max))
      return std::monostate{};
    const bool by_itself = process.ended();
    process.end(stop_patience);
    return error{errc::internal, program + (by_itself ? " ended: " : " does not answer: ") +
                                     folder->last_log_line()};
  }

  /// Until it answers a PING with its data loaded; false if it ended, kept silent or `stop` came.
  bool wait_until_serving(std::chrono::seconds silence) {
    const auto begin = std::chrono::steady_clock::now();
    auto heard = begin, next_progress = begin + progress_pause;
    while (!process.ended() && !wait_for_stop(look_pause)) {
      const auto now = std::chrono::steady_clock::now();
      const auto said = ask_server("PING");
      if (said == "+PONG")
        return true;
      if (!said.empty())
        heard = now;
      if (now - heard > silence || now - begin > loading_max)
        return false;
      if (now >= next_progress) {
        next_progress = now + progress_pause;
        tell_progress(now - begin, said);
      }
    }
    return false;
  }

  static void tell_progress(std::chrono::steady_clock::duration since, const std::string& said) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    log::info("waiting for the private redis-server",
              {{"seconds", std::to_string(seconds)}, {"it_says", said}});
  }

  // -- watch --------------------------------------------------------------------

  void watch() {
    auto pause = std::chrono::milliseconds(restart_pause_min);
    auto alive_since = std::chrono::steady_clock::now();
    while (!wait_for_stop(watch_pause)) {
      if (!process.ended())
        continue;
      if (std::chrono::steady_clock::now() - alive_since > trusted_after)
        pause = restart_pause_min;
      log::error("the private redis-server ended, starting it again",
                 {{"pause_ms", std::to_string(pause.count())},
                  {"its_last_words", folder->last_log_line()}});
      if (wait_for_stop(pause))
        return;
      pause = std::min(pause * 2, restart_pause_max);
      alive_since = std::chrono::steady_clock::now();
      if (auto begun = begin(); !begun)
        log::error("the private redis-server does not start", {{"why", begun.failure().message}});
    }
  }

  /// True once `stop` was called.
  bool wait_for_stop(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex);
    return stop_wanted.wait_for(lock, longest, [this] { return stopping; });
  }

  void stop() {
    std::lock_guard one_at_a_time(stop_mutex);
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    stop_wanted.notify_all();
    if (watcher.joinable())
      watcher.join();
    process.end(stop_patience);
    folder->unlock(); // the data is at rest: another node may have it
  }
};

private_server::private_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

private_server::~private_server() {
  stop();
}

result<std::unique_ptr<private_server>> private_server::start(private_server_options options) {
  auto state = std::make_unique<impl>();
  state->options = std::move(options);
  if (auto started = state->start(); !started)
    return started.failure();
  return std::unique_ptr<private_server>(new private_server(std::move(state)));
}

namespace {

std::string url_of_socket(const std::string& path) {
  std::string url = "unix://";
  for (const char c : path)
    url += c == '%' ? "%25" : c == '?' ? "%3F" : std::string(1, c);
  return url;
}

} // namespace

std::string private_server::url() const {
  return url_of_socket(impl_->folder->socket());
}

std::string private_server::running(const std::string& data_dir) {
  const auto socket = server_folder::socket_of(data_dir);
  return socket.empty() || !local_socket(socket).connected() ? std::string()
                                                             : url_of_socket(socket);
}

void private_server::stop() {
  impl_->stop();
}

} // namespace ares::store
