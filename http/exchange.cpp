#include "http/exchange.hpp"

#include "http/connection.hpp"

#include <atomic>
#include <utility>

namespace ares::http {

namespace {

class stream_handle final : public stream {
public:
  stream_handle(std::shared_ptr<connection> c, std::uint64_t number)
      : connection_(std::move(c)), number_(number) {}
  ~stream_handle() override { connection_->cut_stream(number_); }

  void write(std::string bytes, std::function<void(bool)> written) override {
    connection_->write(number_, std::move(bytes), std::move(written));
  }
  void finish() override { connection_->finish(number_); }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept override {
    return connection_->buffered_bytes(number_);
  }

private:
  const std::shared_ptr<connection> connection_;
  const std::uint64_t number_;
};

class exchange_handle final : public exchange {
public:
  exchange_handle(std::shared_ptr<connection> c, std::uint64_t number)
      : connection_(std::move(c)), number_(number) {}

  ~exchange_handle() override {
    if (answered_.load(std::memory_order_relaxed))
      return;
    respond(connection_->own_refusal({errc::internal, "The request was not answered"}));
  }

  void respond(response r) override {
    if (!answered_.exchange(true))
      connection_->respond(number_, std::move(r));
  }

  std::shared_ptr<stream> start_stream(int status, std::vector<header> headers) override {
    if (!answered_.exchange(true))
      connection_->start_stream(number_, status, std::move(headers));
    return std::make_shared<stream_handle>(connection_, number_);
  }

  void watch(half_close meaning, std::function<void()> gone) override {
    connection_->watch(number_, meaning, std::move(gone));
  }

private:
  const std::shared_ptr<connection> connection_;
  const std::uint64_t number_;
  std::atomic<bool> answered_{false};
};

} // namespace

std::shared_ptr<exchange> make_exchange(std::shared_ptr<connection> c, std::uint64_t number) {
  return std::make_shared<exchange_handle>(std::move(c), number);
}

} // namespace ares::http
