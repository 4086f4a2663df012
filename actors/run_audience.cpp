#include "actors/run_audience.hpp"

#include "conf/json.hpp"
#include "conf/limits.hpp"

#include <algorithm>

namespace ares {

namespace {

// Not in the middle of a UTF-8 character.
std::size_t character_start(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
    ++at;
  return at;
}

} // namespace

std::string delta_event(std::string_view text) {
  return "{\"delta\": " + quote_json(text) + ", \"finish_reason\": null}";
}

void run_audience::follow(client_ptr c) {
  auto id = c->id();
  auto& f = followers_[id];
  f.who = std::move(c);
  tell(f);
}

void run_audience::said(std::string_view more) {
  text_ += more;
  for (auto& [id, f] : followers_)
    tell(f);
  forget();
}

// Keeps what a follower has yet to be told, and the history, each within its bound. Some slack, so
// that the rest is not moved at every delta.
void run_audience::forget() {
  auto told = length();
  for (const auto& [id, f] : followers_)
    told = std::min(told, f.told);
  const auto untold = std::min(length() - told, limits::stream_buffer_bytes_max);
  const auto keep = std::max(untold, history_bytes_);
  if (text_.size() <= keep + keep / 4)
    return;
  const auto cut = character_start(text_, text_.size() - keep);
  text_.erase(0, cut);
  dropped_ += cut;
}

void run_audience::rewind(std::size_t length) {
  if (length >= dropped_ && length <= this->length())
    text_.resize(length - dropped_);
}

void run_audience::tell(follower& f) {
  if (f.busy || f.told >= length())
    return;
  auto from = std::max(f.told, dropped_) - dropped_;
  if (text_.size() - from > limits::stream_buffer_bytes_max)
    from = character_start(text_, text_.size() - limits::stream_buffer_bytes_max);
  f.busy = true;
  f.told = length();
  f.who->event(delta_event(std::string_view(text_).substr(from)));
}

void run_audience::written(std::uint64_t client) {
  if (auto it = followers_.find(client); it != followers_.end()) {
    it->second.busy = false;
    tell(it->second);
    forget();
  }
}

void run_audience::left(std::uint64_t client) {
  followers_.erase(client);
}

void run_audience::keep_alive() {
  for (auto& [id, f] : followers_)
    if (!f.busy)
      f.who->keep_alive();
}

void run_audience::end(const std::string& last_event) {
  for (auto& [id, f] : followers_) {
    f.busy = false;
    tell(f);
    f.who->event(last_event);
    f.who->end_stream();
  }
  followers_.clear();
}

} // namespace ares
