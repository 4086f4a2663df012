#include "http/curl_transfer.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

namespace ares {
namespace {

constexpr std::size_t header_bytes_max = 64u << 10;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// `HTTP/1.1 200 OK` -> 200; 0 if it makes no sense.
int status_of(std::string_view line) {
  int status = 0;
  if (const auto blank = line.find(' '); blank != std::string_view::npos)
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), status);
  return status;
}

} // namespace

curl_transfer::curl_transfer(transfer_request request, std::shared_ptr<transfer_listener> listener,
                             time_point started)
    : request_(std::move(request)), listener_(std::move(listener)),
      deadline_(started + request_.deadline), last_progress_(started) {}

curl_transfer::~curl_transfer() {
  curl_slist_free_all(header_list_);
}

void curl_transfer::set_up(CURL* easy) {
  easy_ = easy;
  for (const auto& [name, value] : request_.headers) {
    std::string line = name;
    line.append(": ").append(value);
    header_list_ = curl_slist_append(header_list_, line.c_str());
  }
  // libcurl would wait a second for "100 Continue" before it sends a larger body.
  header_list_ = curl_slist_append(header_list_, "Expect:");
  const auto connect_ms = std::max<long>(1, static_cast<long>(request_.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data()); // not copied
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(request_.body.size()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &curl_transfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &curl_transfer::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
}

void curl_transfer::resume(time_point now) {
  if (!std::exchange(paused_, false))
    return;
  last_progress_ = now;
  if (std::exchange(curl_paused_, false))
    curl_easy_pause(easy_, CURLPAUSE_CONT); // may call on_body at once
}

curl_transfer::time_point curl_transfer::next_check() const noexcept {
  return paused_ ? deadline_ : std::min(deadline_, last_progress_ + request_.silence_max);
}

// -- the answer ---------------------------------------------------------------

std::size_t curl_transfer::on_header(char* bytes, std::size_t, std::size_t size,
                                     void* self) noexcept {
  auto& transfer = *static_cast<curl_transfer*>(self);
  try {
    return transfer.take_header_line({bytes, size}) ? size : 0;
  } catch (...) { // no memory
    return 0;
  }
}

bool curl_transfer::take_header_line(std::string_view line) {
  last_progress_ = monotonic::now();
  header_bytes_ += line.size();
  if (header_bytes_ > header_bytes_max) {
    too_large_ = true;
    return false;
  }
  if (head_done_) // a trailer
    return true;
  if (line.starts_with("HTTP/")) {
    status_ = status_of(line);
    headers_.clear();
  } else if (!trimmed(line).empty()) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
      headers_.emplace_back(lower_case(trimmed(line.substr(0, colon))),
                            trimmed(line.substr(colon + 1)));
  } else if (status_ >= 200) { // below: 100 Continue, 103 Early Hints; the answer follows
    head_done_ = true;
    listener_->on_head(status_, headers_);
  }
  return true;
}

std::size_t curl_transfer::on_body(char* bytes, std::size_t, std::size_t size,
                                   void* self) noexcept {
  auto& transfer = *static_cast<curl_transfer*>(self);
  try {
    return transfer.take_body({bytes, size});
  } catch (...) {
    return 0;
  }
}

std::size_t curl_transfer::take_body(std::string_view bytes) {
  // Only now does libcurl learn of the pause: it keeps these bytes and stops reading.
  if (paused_) {
    curl_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  last_progress_ = monotonic::now();
  answer_bytes_ += bytes.size();
  if (answer_bytes_ > request_.answer_bytes_max) {
    too_large_ = true;
    return 0;
  }
  paused_ = !listener_->on_data(bytes);
  return bytes.size();
}

// -- the end ------------------------------------------------------------------

transfer_end::kind curl_transfer::end_of(CURLcode result) const {
  if (result == CURLE_OK) // libcurl is content with half a head
    return head_done_ ? transfer_end::kind::complete : transfer_end::kind::cut;
  if (too_large_)
    return transfer_end::kind::too_large;
  // The one time-out that is left to libcurl is that of connecting.
  if (result == CURLE_OPERATION_TIMEDOUT)
    return transfer_end::kind::connect_failed;
  curl_off_t connected_after_us = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected_after_us);
  return connected_after_us > 0 ? transfer_end::kind::cut : transfer_end::kind::connect_failed;
}

void curl_transfer::end(transfer_end::kind kind) {
  if (auto listener = std::exchange(listener_, nullptr))
    listener->on_end({kind});
}

} // namespace ares
