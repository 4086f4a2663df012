#include "actors/providers/sse_parser.hpp"

#include <utility>

namespace ares {

bool sse_parser::feed(std::string_view bytes, const event_handler& handle) {
  while (!bytes.empty() && !overflow_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > event_bytes_max_) {
      overflow_ = true;
    } else if (end == std::string_view::npos) {
      line_ += piece;
      break;
    } else {
      after_cr_ = bytes[end] == '\r';
      bytes.remove_prefix(end + 1);
      if (line_.empty()) {
        end_line(piece, handle);
      } else {
        line_ += piece;
        end_line(line_, handle);
        line_.clear();
      }
    }
  }
  return !overflow_;
}

void sse_parser::end_line(std::string_view line, const event_handler& handle) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (std::exchange(first_line_, false) && line.starts_with(byte_order_mark))
    line.remove_prefix(byte_order_mark.size());
  if (line.empty())
    dispatch(handle);
  else if (line.front() != ':')
    take_field(line);
}

void sse_parser::take_field(std::string_view line) {
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' '))
    value.remove_prefix(1);
  if (field == "event") {
    name_ = value;
  } else if (field == "data") {
    if (data_.size() + value.size() + 1 > event_bytes_max_) {
      overflow_ = true;
      return;
    }
    if (std::exchange(has_data_, true))
      data_ += '\n';
    data_ += value;
  }
}

void sse_parser::dispatch(const event_handler& handle) {
  if (has_data_)
    handle(name_, data_);
  name_.clear();
  data_.clear();
  has_data_ = false;
}

} // namespace ares
