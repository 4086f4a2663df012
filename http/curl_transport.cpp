#include "http/curl_transport.hpp"

#include "http/curl_transfer.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <variant>

namespace ares {
namespace {

constexpr long kept_connections_max = 512;
constexpr std::size_t spare_handles_max = 256;
// What a transfer may hold of memory is mostly these two.
constexpr long receive_buffer_bytes = 16 << 10;
constexpr long send_buffer_bytes = 16 << 10;
constexpr std::chrono::milliseconds sleep_max{60000};

void initialize_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)result;
}

/// What all requests have in common.
void set_common_options(CURL* easy, const std::string& ca_file) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, ""); // nor one of the environment
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ares");
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, receive_buffer_bytes);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer_bytes);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (!ca_file.empty())
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
}

} // namespace

/// The thread and everything that belongs to it. Others only push commands.
class curl_transport::worker {
public:
  struct begin {
    transfer id;
    std::unique_ptr<curl_transfer> what;
  };
  struct go_on {
    transfer id;
  };
  struct drop {
    transfer id;
  };
  using command = std::variant<begin, go_on, drop>;

  explicit worker(std::string ca_file) : ca_file_(std::move(ca_file)) {
    initialize_curl_once();
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kept_connections_max);
    thread_ = std::thread([this] { run(); });
  }

  ~worker() {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
    for (CURL* easy : spare_handles_)
      curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
  }

  transfer next_id() { return ++last_id_; }

  void push(command c) {
    std::unique_lock lock(mutex_);
    const bool wake = commands_.empty();
    commands_.push_back(std::move(c));
    lock.unlock();
    if (wake)
      curl_multi_wakeup(multi_);
  }

private:
  // -- the thread -------------------------------------------------------------

  void run() {
    // Signals are main's. This also keeps a TLS write to a closed connection from raising SIGPIPE.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (!stopping_) {
      carry_out_commands();
      int running = 0;
      curl_multi_perform(multi_, &running);
      end_finished();
      end_overdue();
      curl_multi_poll(multi_, nullptr, 0, sleep_ms(), nullptr);
    }
    carry_out_commands();
    while (!transfers_.empty())
      end(transfers_.begin(), transfer_end::kind::cancelled);
  }

  void carry_out_commands() {
    {
      std::lock_guard lock(mutex_);
      commands_.swap(taken_);
    }
    for (auto& c : taken_)
      std::visit([this](auto& which) { carry_out(which); }, c);
    taken_.clear();
  }

  void carry_out(begin& b) {
    auto [at, is_new] = transfers_.emplace(b.id, std::move(b.what));
    CURL* easy = take_handle();
    if (!easy)
      return end(at, transfer_end::kind::connect_failed);
    at->second->set_up(easy);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what libcurl carries for us is a pointer.
    curl_easy_setopt(easy, CURLOPT_PRIVATE, reinterpret_cast<void*>(b.id));
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK)
      return end(at, transfer_end::kind::connect_failed);
    note_check(at);
  }

  void carry_out(const go_on& g) {
    auto at = transfers_.find(g.id);
    if (at == transfers_.end())
      return;
    at->second->resume(monotonic::now());
    note_check(at); // silence counts again
  }

  void carry_out(const drop& d) {
    auto at = transfers_.find(d.id);
    if (at != transfers_.end())
      end(at, transfer_end::kind::cancelled);
  }

  // -- ends -------------------------------------------------------------------

  using place = std::unordered_map<transfer, std::unique_ptr<curl_transfer>>::iterator;

  void end_finished() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      const CURLcode result = message->data.result;
      void* id = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &id);
      auto at = transfers_.find(reinterpret_cast<transfer>(id));
      if (at != transfers_.end())
        end(at, at->second->end_of(result));
    }
  }

  void end_overdue() {
    const auto now = monotonic::now();
    while (!checks_.empty() && checks_.begin()->first <= now) {
      auto at = transfers_.find(checks_.begin()->second);
      if (at->second->overdue(now))
        end(at, transfer_end::kind::timed_out);
      else
        note_check(at); // there was progress since the check was noted
    }
  }

  void end(place at, transfer_end::kind kind) {
    auto transfer = std::move(at->second);
    checks_.erase({transfer->noted_check, at->first});
    transfers_.erase(at);
    if (CURL* easy = transfer->handle()) {
      curl_multi_remove_handle(multi_, easy); // closes the connection unless the answer is complete
      give_back(easy);
    }
    transfer->end(kind);
  }

  // -- time -------------------------------------------------------------------

  void note_check(place at) {
    auto& transfer = *at->second;
    checks_.erase({transfer.noted_check, at->first});
    transfer.noted_check = transfer.next_check();
    checks_.insert({transfer.noted_check, at->first});
  }

  int sleep_ms() const {
    if (checks_.empty())
      return static_cast<int>(sleep_max.count());
    const auto rest =
        std::chrono::ceil<std::chrono::milliseconds>(checks_.begin()->first - monotonic::now());
    return static_cast<int>(std::clamp(rest, std::chrono::milliseconds(0), sleep_max).count());
  }

  // -- handles ----------------------------------------------------------------

  CURL* take_handle() {
    CURL* easy = nullptr;
    if (spare_handles_.empty()) {
      easy = curl_easy_init();
    } else {
      easy = spare_handles_.back();
      spare_handles_.pop_back();
    }
    if (easy)
      set_common_options(easy, ca_file_);
    return easy;
  }

  void give_back(CURL* easy) {
    if (spare_handles_.size() >= spare_handles_max)
      return curl_easy_cleanup(easy);
    curl_easy_reset(easy);
    spare_handles_.push_back(easy);
  }

  const std::string ca_file_;
  std::atomic<transfer> last_id_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<command> commands_;
  CURLM* multi_ = nullptr;
  // the thread's own
  std::vector<command> taken_;
  std::unordered_map<transfer, std::unique_ptr<curl_transfer>> transfers_;
  std::set<std::pair<curl_transfer::time_point, transfer>> checks_;
  std::vector<CURL*> spare_handles_;
  std::thread thread_;
};

curl_transport::curl_transport(std::string ca_file)
    : worker_(std::make_unique<worker>(std::move(ca_file))) {}

curl_transport::~curl_transport() = default;

transport::transfer curl_transport::start(transfer_request request,
                                          std::shared_ptr<transfer_listener> listener) {
  const auto id = worker_->next_id();
  auto what =
      std::make_unique<curl_transfer>(std::move(request), std::move(listener), monotonic::now());
  worker_->push(worker::begin{id, std::move(what)});
  return id;
}

void curl_transport::resume(transfer t) {
  worker_->push(worker::go_on{t});
}

void curl_transport::cancel(transfer t) {
  worker_->push(worker::drop{t});
}

} // namespace ares
