#include "http/http_client.hpp"

#include "http/response.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

namespace ares::http {

namespace {

std::atomic<std::uint64_t> next_client{1};

class http_client final : public client, public std::enable_shared_from_this<http_client> {
public:
  explicit http_client(client_birth b) : birth_(std::move(b)) {}
  ~http_client() override;

  std::uint64_t id() const noexcept override { return id_; }
  void answer(outcome o) override;
  void begin_stream(const std::optional<limit_state>& limits) override;
  void event(std::string json) override;
  void keep_alive() override;
  void end_stream() override;
  void bind(client_listener listener) override;

  void watch(exchange::half_close meaning);

private:
  void respond(response r);
  void write(std::string bytes, bool reported);
  void written(bool sent);
  void gone();

  const std::uint64_t id_ = next_client++;
  client_birth birth_;

  std::mutex mutex_; // of what follows
  bool answered_ = false;
  bool gone_ = false;
  std::vector<header> head_; // of the stream that has begun
  std::shared_ptr<stream> stream_;
  std::optional<client_listener> listener_;
};

http_client::~http_client() {
  if (!answered_)
    respond(
        render(error{errc::internal, "The request failed inside the server"}, birth_.request_id));
}

void http_client::respond(response r) {
  add_cors_headers(r.headers, birth_.cors_origin);
  if (birth_.on_answer)
    birth_.on_answer(r.status);
  birth_.answer_to->respond(std::move(r));
}

void http_client::answer(outcome o) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(answered_, true))
      return;
  }
  respond(render(std::move(o), birth_.request_id));
}

void http_client::begin_stream(const std::optional<limit_state>& limits) {
  std::lock_guard lock(mutex_);
  head_ = {{"Content-Type", "text/event-stream"},
           {"Cache-Control", "no-store"},
           {"X-Accel-Buffering", "no"},
           {"X-Request-Id", birth_.request_id}};
  if (limits)
    add_limit_headers(head_, *limits);
  add_cors_headers(head_, birth_.cors_origin);
}

void http_client::event(std::string json) {
  write("data: " + json + "\n\n", true);
}

void http_client::keep_alive() {
  write(": keep-alive\n\n", false);
}

void http_client::write(std::string bytes, bool reported) {
  std::lock_guard lock(mutex_);
  if (!stream_) {
    if (std::exchange(answered_, true))
      return;
    if (birth_.on_answer)
      birth_.on_answer(200);
    stream_ = birth_.answer_to->start_stream(200, std::move(head_));
  }
  auto self = reported ? weak_from_this() : std::weak_ptr<http_client>{};
  stream_->write(std::move(bytes), [self](bool sent) {
    if (auto alive = self.lock())
      alive->written(sent);
  });
}

void http_client::end_stream() {
  std::lock_guard lock(mutex_);
  if (stream_)
    stream_->finish();
}

void http_client::written(bool sent) {
  if (!sent)
    return gone();
  std::lock_guard lock(mutex_);
  if (listener_)
    caf::anon_send(*listener_, event_written{id_});
}

void http_client::gone() {
  std::lock_guard lock(mutex_);
  if (std::exchange(gone_, true))
    return;
  if (listener_)
    caf::anon_send(*listener_, client_gone{id_});
}

void http_client::bind(client_listener listener) {
  std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
  if (gone_)
    caf::anon_send(*listener_, client_gone{id_});
}

void http_client::watch(exchange::half_close meaning) {
  birth_.answer_to->watch(meaning, [self = weak_from_this()] {
    if (auto alive = self.lock())
      alive->gone();
  });
}

} // namespace

client_ptr make_client(client_birth birth) {
  return std::make_shared<http_client>(std::move(birth));
}

client_ptr make_watched_client(client_birth birth, exchange::half_close meaning) {
  auto c = std::make_shared<http_client>(std::move(birth));
  c->watch(meaning);
  return c;
}

void add_cors_headers(std::vector<header>& headers, const std::string& origin) {
  if (origin.empty())
    return;
  headers.push_back({"Access-Control-Allow-Origin", origin});
  headers.push_back({"Vary", "Origin"});
  headers.push_back({"Access-Control-Expose-Headers",
                     "X-Request-Id, Location, Retry-After, Idempotent-Replayed, X-RateLimit-Limit, "
                     "X-RateLimit-Remaining, X-RateLimit-Reset, X-Quota-Tokens-Remaining"});
}

} // namespace ares::http
