#include "bench/generator/request_source.hpp"

namespace ares::bench {

namespace {

constexpr std::string_view key_mark = "{key}";
constexpr std::string_view number_mark = "{n}";

} // namespace

request_source::request_source(const request_template& what, const std::vector<std::string>& keys,
                               share mine)
    : body_(cut(what.body)), has_body_(what.method != "GET"), keys_(keys), mine_(mine) {
  auto head = what.method + " " + what.path + " HTTP/1.1\r\nHost: " + what.host + "\r\n";
  for (const auto& header : what.headers)
    head += header + "\r\n";
  if (has_body_)
    head += "Content-Length: ";
  head_ = cut(head);
}

request_source::pieces request_source::cut(std::string_view text) {
  pieces result;
  while (true) {
    auto key = text.find(key_mark);
    auto number = text.find(number_mark);
    if (key == number) { // neither
      result.push_back({std::string(text), placeholder::none});
      return result;
    }
    bool is_key = key < number;
    auto at = is_key ? key : number;
    result.push_back(
        {std::string(text.substr(0, at)), is_key ? placeholder::key : placeholder::number});
    text.remove_prefix(at + (is_key ? key_mark.size() : number_mark.size()));
  }
}

void request_source::write(const pieces& from, std::string& to) const {
  for (const auto& piece : from) {
    to += piece.text;
    if (piece.then == placeholder::key)
      to += key_;
    else if (piece.then == placeholder::number)
      to += number_;
  }
}

std::string_view request_source::next() {
  auto number = written_++ * mine_.workers + mine_.worker;
  number_ = std::to_string(mine_.first_number + number);
  key_ = keys_.empty() ? std::string_view{} : keys_[number % keys_.size()];
  bytes_.clear();
  write(head_, bytes_);
  if (has_body_) {
    body_bytes_.clear();
    write(body_, body_bytes_);
    bytes_ += std::to_string(body_bytes_.size());
    bytes_ += "\r\n\r\n";
    bytes_ += body_bytes_;
  } else {
    bytes_ += "\r\n";
  }
  return bytes_;
}

} // namespace ares::bench
