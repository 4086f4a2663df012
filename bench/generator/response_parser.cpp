#include "bench/generator/response_parser.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace ares::bench {

namespace {

constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr std::size_t line_bytes_max = 1024; // a chunk's size and its extensions, or a trailer
constexpr std::string_view head_end = "\r\n\r\n";

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class Number> bool parse(std::string_view text, Number& number, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end != text.data();
}

} // namespace

void response_parser::reset() {
  state_ = state::head;
  status_ = 0;
  keep_alive_ = true;
  chunked_ = has_length_ = false;
  left_ = 0;
  head_.clear();
  line_.clear();
}

std::size_t response_parser::feed(std::string_view bytes, body_sink* sink) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done() && !failed()) {
    auto rest = bytes.substr(taken);
    switch (state_) {
    case state::head: taken += take_head(rest); break;
    case state::counted: taken += take_counted(rest, sink, state::done); break;
    case state::chunk: taken += take_counted(rest, sink, state::chunk_end); break;
    case state::to_the_end:
      if (sink != nullptr)
        sink->body(rest);
      taken = bytes.size();
      break;
    default: taken += take_line(rest);
    }
  }
  return taken;
}

void response_parser::closed() {
  state_ = state_ == state::to_the_end || done() ? state::done : state::failed;
}

// The usual head comes whole, and is read where it lies.
std::size_t response_parser::take_head(std::string_view bytes) {
  if (head_.empty()) {
    auto end = bytes.find(head_end);
    if (end != std::string_view::npos) {
      read_head(bytes.substr(0, end));
      return end + head_end.size();
    }
  }
  auto before = head_.size();
  head_.append(bytes.substr(0, head_bytes_max - std::min(before, head_bytes_max)));
  auto end = head_.find(head_end, before < head_end.size() ? 0 : before - head_end.size());
  if (end == std::string::npos) {
    if (head_.size() >= head_bytes_max)
      state_ = state::failed;
    return head_.size() - before;
  }
  auto whole = std::move(head_);
  head_.clear();
  read_head(std::string_view(whole).substr(0, end));
  return end + head_end.size() - before;
}

void response_parser::read_head(std::string_view head) {
  // "HTTP/1.1 200 OK"
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || !parse(head.substr(9, 3), status_)) {
    state_ = state::failed;
    return;
  }
  keep_alive_ = head[7] != '0';
  chunked_ = has_length_ = false;
  for (auto at = head.find("\r\n"); at != std::string_view::npos;) {
    auto next = head.find("\r\n", at + 2);
    auto line = head.substr(at + 2, next == std::string_view::npos ? next : next - at - 2);
    if (auto colon = line.find(':'); colon != std::string_view::npos)
      read_header(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    at = next;
  }
  if (failed())
    return;
  if (status_ / 100 == 1) {
    reset(); // an interim response; the real one follows
  } else if (status_ == 204 || status_ == 304) {
    state_ = state::done;
  } else if (chunked_) {
    state_ = state::chunk_size;
  } else if (has_length_) {
    state_ = left_ == 0 ? state::done : state::counted;
  } else {
    state_ = state::to_the_end;
    keep_alive_ = false;
  }
}

void response_parser::read_header(std::string_view name, std::string_view value) {
  if (same(name, "content-length")) {
    has_length_ = true;
    if (!parse(value, left_))
      state_ = state::failed;
  } else if (same(name, "transfer-encoding")) {
    chunked_ = same(value, "chunked");
  } else if (same(name, "connection")) {
    if (same(value, "close"))
      keep_alive_ = false;
    else if (same(value, "keep-alive"))
      keep_alive_ = true;
  }
}

std::size_t response_parser::take_counted(std::string_view bytes, body_sink* sink, state next) {
  auto piece = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
  left_ -= piece.size();
  if (sink != nullptr)
    sink->body(piece);
  if (left_ == 0)
    state_ = next;
  return piece.size();
}

std::size_t response_parser::take_line(std::string_view bytes) {
  auto end = bytes.find('\n');
  auto piece = bytes.substr(0, end);
  if (line_.size() + piece.size() > line_bytes_max) {
    state_ = state::failed;
    return 0;
  }
  line_.append(piece);
  if (end == std::string_view::npos)
    return piece.size();
  if (line_.ends_with('\r'))
    line_.pop_back();
  line_complete();
  line_.clear();
  return end + 1;
}

void response_parser::line_complete() {
  if (state_ == state::chunk_size) {
    if (!parse(line_, left_, 16))
      state_ = state::failed;
    else
      state_ = left_ == 0 ? state::trailer : state::chunk;
  } else if (state_ == state::chunk_end) {
    state_ = line_.empty() ? state::chunk_size : state::failed;
  } else if (line_.empty()) { // behind the trailer
    state_ = state::done;
  }
}

} // namespace ares::bench
