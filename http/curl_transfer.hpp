// One transfer of the curl transport: its easy handle's callbacks, its bounds and its clocks. Used
// on the transport's thread only.
#pragma once

#include "actors/providers/transport.hpp"
#include "conf/clock.hpp"

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ares {

class curl_transfer {
public:
  using time_point = monotonic::time_point;

  curl_transfer(transfer_request request, std::shared_ptr<transfer_listener> listener,
                time_point started);
  ~curl_transfer();
  curl_transfer(const curl_transfer&) = delete;
  curl_transfer& operator=(const curl_transfer&) = delete;

  /// Sets up `easy` for this request; the handle must not outlive the transfer's use of it.
  void set_up(CURL* easy);
  [[nodiscard]] CURL* handle() const noexcept { return easy_; }

  void resume(time_point now);

  /// The next time at which silence or the deadline could be up.
  [[nodiscard]] time_point next_check() const noexcept;
  [[nodiscard]] bool overdue(time_point now) const noexcept { return now >= next_check(); }

  /// What libcurl's result means.
  [[nodiscard]] transfer_end::kind end_of(CURLcode result) const;
  /// Tells the listener, which hears nothing afterwards.
  void end(transfer_end::kind kind);

  /// When the transport will look next.
  time_point noted_check{};

private:
  static std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* self) noexcept;
  bool take_header_line(std::string_view line);
  std::size_t take_body(std::string_view bytes);

  transfer_request request_;
  std::shared_ptr<transfer_listener> listener_;
  time_point deadline_, last_progress_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;

  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::size_t header_bytes_ = 0;
  bool head_done_ = false;
  std::size_t answer_bytes_ = 0;
  bool too_large_ = false;
  bool paused_ = false;      // the listener does not want more
  bool curl_paused_ = false; // libcurl has stopped reading
};

} // namespace ares
