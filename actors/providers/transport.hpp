// The seam to outbound HTTP. http/curl_transport implements it; tests play it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares {

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct transfer_request {
  std::string url;
  http_headers headers;
  std::string body; // POST
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds silence_max{
      60000}; // to the first byte, and between bytes while not paused
  std::chrono::milliseconds deadline{120000}; // of everything
  std::size_t answer_bytes_max = 16u << 20;
};

struct transfer_end {
  enum class kind { complete, connect_failed, timed_out, cut, too_large, cancelled };
  kind what = kind::complete;
};

/// All calls come from the transport's one thread, in order, none after `on_end`. They must not
/// block.
class transfer_listener {
public:
  virtual ~transfer_listener() = default;
  /// Status and headers (names lower case), once, before any data.
  virtual void on_head(int status, const http_headers& headers) = 0;
  /// Returns false to pause: these bytes are taken, no more are read until `resume`.
  [[nodiscard]] virtual bool on_data(std::string_view bytes) = 0;
  virtual void on_end(transfer_end end) = 0;
};

/// Thread-safe.
class transport {
public:
  using transfer = std::uint64_t;
  virtual ~transport() = default;
  virtual transfer start(transfer_request request, std::shared_ptr<transfer_listener> listener) = 0;
  virtual void resume(transfer t) = 0;
  /// `on_end(cancelled)` follows unless the end was already on its way.
  virtual void cancel(transfer t) = 0;
};

} // namespace ares
