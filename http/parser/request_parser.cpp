#include "http/parser/request_parser.hpp"

#include "http/parser/syntax.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ares::http {

namespace {

constexpr std::array<std::string_view, 7> known_methods{"GET",   "HEAD",   "POST",   "PUT",
                                                        "PATCH", "DELETE", "OPTIONS"};
// Room in a request line for a method, two blanks and the version.
constexpr std::size_t method_bytes_max = 32;
constexpr std::size_t request_line_extra_bytes = method_bytes_max + 10;
// A colon and a blank between a name and its value.
constexpr std::size_t separator_bytes = 2;

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

} // namespace

std::size_t request_parser::feed(std::string_view bytes) {
  const std::size_t size = bytes.size();
  while (!complete() && !bytes.empty()) {
    if (state_ == state::body || state_ == state::chunk_data)
      take_body(bytes);
    else
      take_line(bytes);
  }
  return size - bytes.size();
}

void request_parser::take_body(std::string_view& bytes) {
  const std::size_t taken = std::min(now_.left, bytes.size());
  now_.result.message.body.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  now_.left -= taken;
  if (now_.left == 0)
    state_ = state_ == state::body ? state::complete : state::chunk_end;
}

/// One line, which may have come in pieces. Only what is already known of the line decides, never
/// where a piece ends: that keeps the verdict independent of the network.
void request_parser::take_line(std::string_view& bytes) {
  if (state_ == state::request_line && line_.empty() && !is_token_char(bytes.front()) &&
      bytes.front() != '\r')
    return refuse(400, "The request line is malformed"); // at once: this may never have a line end
  const std::size_t bytes_max = line_bytes_max();
  const auto end = bytes.find('\n');
  const auto part = bytes.substr(0, end);
  if (line_.size() + part.size() > bytes_max + 1) {
    line_.append(part.substr(0, bytes_max + 1 - line_.size()));
    return refuse_long_line(line_);
  }
  if (end == bytes.npos) {
    line_.append(part);
    bytes = {};
    return;
  }
  bytes.remove_prefix(end + 1);
  auto line = part;
  if (!line_.empty()) {
    line_.append(part);
    line = line_;
  }
  const bool has_cr = !line.empty() && line.back() == '\r';
  if (has_cr)
    line.remove_suffix(1);
  if (line.size() > bytes_max)
    return refuse_long_line(line);
  if (!has_cr)
    return refuse(400, "A line does not end in CR LF");
  on_line(line);
  line_.clear();
}

std::size_t request_parser::line_bytes_max() const noexcept {
  switch (state_) {
  case state::request_line: return limits_.target_bytes_max + request_line_extra_bytes;
  case state::chunk_line: return limits_.chunk_line_bytes_max;
  case state::chunk_end: return 0;
  default: return limits_.header_bytes_max + separator_bytes;
  }
}

void request_parser::refuse_long_line(std::string_view start) {
  if (state_ == state::chunk_line || state_ == state::chunk_end)
    return refuse(400, "A chunk of the body is malformed");
  if (state_ != state::request_line)
    return refuse(431, "A header line is too long");
  const auto blank = start.find(' ');
  if (blank > method_bytes_max)
    return refuse(400, "The request line is malformed");
  if (on_method(start.substr(0, blank)))
    refuse(414, "The request target is too long");
}

void request_parser::on_line(std::string_view line) {
  switch (state_) {
  case state::request_line: return on_request_line(line);
  case state::header_line: return line.empty() ? on_end_of_headers() : on_field_line(line);
  case state::chunk_line: return on_chunk_line(line);
  case state::chunk_end: return on_chunk_end(line);
  case state::trailer_line:
    if (line.empty())
      state_ = state::complete;
    else
      on_field_line(line);
    return;
  default: return;
  }
}

void request_parser::on_request_line(std::string_view line) {
  if (line.empty() && !std::exchange(now_.skipped_empty_line, true))
    return; // RFC 9112, 2.2: one empty line before a request is tolerated
  const auto first = line.find(' ');
  const auto second = line.find(' ', first == line.npos ? first : first + 1);
  if (second == line.npos || line.find(' ', second + 1) != line.npos)
    return refuse(400, "The request line is malformed");
  const auto target = line.substr(first + 1, second - first - 1);
  if (!on_method(line.substr(0, first)))
    return;
  if (target.empty() || !is_target_text(target))
    return refuse(400, "The request line is malformed");
  if (!on_version(line.substr(second + 1)))
    return;
  const auto& method = now_.result.message.method;
  if (std::find(known_methods.begin(), known_methods.end(), method) == known_methods.end())
    return refuse(501, "The method is not implemented");
  if (target.size() > limits_.target_bytes_max)
    return refuse(414, "The request target is too long");
  on_target(target);
}

/// Kept before the rest of the line is looked at: no answer to a HEAD has a body, a refusal
/// neither.
bool request_parser::on_method(std::string_view method) {
  if (!is_token(method)) {
    refuse(400, "The request line is malformed");
    return false;
  }
  now_.result.message.method = method;
  return true;
}

bool request_parser::on_version(std::string_view version) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7]) || version[5] == '0') {
    refuse(400, "The request line is malformed");
    return false;
  }
  if (version[5] != '1' || version[7] > '1') {
    refuse(505, "Only HTTP/1.0 and HTTP/1.1 are supported");
    return false;
  }
  now_.result.http_1_0 = version[7] == '0';
  return true;
}

void request_parser::on_target(std::string_view target) {
  auto& message = now_.result.message;
  const bool is_options = message.method == "OPTIONS";
  const bool is_absolute = target.front() != '/' && target != "*";
  if (is_absolute ? !on_absolute_target(target) : target == "*" && !is_options)
    return refuse(400, "The request target is malformed");
  if (is_absolute)
    target.remove_prefix(
        std::min(target.find_first_of("/?", target.find("//") + 2), target.size()));
  const auto question_mark = target.find('?');
  message.path = target.substr(0, question_mark);
  if (question_mark != target.npos)
    message.query = target.substr(question_mark + 1);
  if (message.path.empty())
    message.path = is_options && question_mark == target.npos ? "*" : "/";
  message.headers.reserve(16);
  state_ = state::header_line;
}

/// Keeps the authority, which stands above the Host field (RFC 9112, 3.2.2).
bool request_parser::on_absolute_target(std::string_view target) {
  if (!starts_with_ignoring_case(target, "http://") &&
      !starts_with_ignoring_case(target, "https://"))
    return false;
  target.remove_prefix(target.find("//") + 2);
  now_.authority = target.substr(0, target.find_first_of("/?"));
  return is_authority(now_.authority);
}

void request_parser::on_field_line(std::string_view line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == line.npos || !is_token(name)) // a folded line, a blank before the colon, no name
    return refuse(400, "A header line is malformed");
  const auto value = trim_blanks(line.substr(colon + 1));
  if (!is_field_value(value))
    return refuse(400, "A header line is malformed");
  now_.head_bytes += line.size() + 2;
  if (name.size() + value.size() > limits_.header_bytes_max ||
      now_.head_bytes > limits_.head_bytes_max || ++now_.fields > limits_.headers_max)
    return refuse(431, "The request has too many or too long headers");
  if (state_ == state::trailer_line)
    return; // checked and dropped: nothing here uses trailers
  if (on_framing_field(name, value))
    now_.result.message.headers.push_back({std::string(name), std::string(value)});
}

/// False if the field refused the request.
bool request_parser::on_framing_field(std::string_view name, std::string_view value) {
  const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  switch (name.size()) {
  case 4:
    if (is("host") && (++now_.hosts > 1 || !is_authority(value)))
      refuse(400, "The Host header must be there once and name a host");
    break;
  case 6:
    if (is("expect")) {
      const bool known = equals_ignoring_case(value, "100-continue");
      (known ? now_.expects_continue : now_.expects_other) = true;
    }
    break;
  case 10:
    if (is("connection"))
      on_connection(value);
    break;
  case 14:
    if (is("content-length"))
      on_content_length(value);
    break;
  case 17:
    if (is("transfer-encoding")) {
      now_.has_transfer_encoding = true;
      now_.transfer_encoding.append(now_.transfer_encoding.empty() ? "" : ",").append(value);
    }
    break;
  default: break;
  }
  return !complete();
}

void request_parser::on_content_length(std::string_view value) {
  const bool only_digits = value.find_first_not_of("0123456789") == value.npos;
  std::size_t length = 0;
  const auto [_, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (!only_digits || error != std::errc{} || ++now_.content_lengths > 1)
    return refuse(400, "Content-Length must be there once and be a number");
  now_.left = length;
}

void request_parser::on_connection(std::string_view value) {
  while (const auto option = next_list_element(value)) {
    now_.says_close |= equals_ignoring_case(*option, "close");
    now_.says_keep_alive |= equals_ignoring_case(*option, "keep-alive");
  }
}

void request_parser::on_end_of_headers() {
  if (!has_valid_host() || !has_valid_framing())
    return;
  const bool chunked = now_.has_transfer_encoding;
  if (now_.left > limits_.body_bytes_max)
    return refuse(413, "The body is too large");
  if (now_.expects_other && !now_.result.http_1_0)
    return refuse(417, "The only expectation that can be met is 100-continue");
  now_.result.keep_alive = !now_.says_close && (!now_.result.http_1_0 || now_.says_keep_alive);
  now_.wants_continue =
      now_.expects_continue && !now_.result.http_1_0 && (chunked || now_.left > 0);
  state_ = chunked ? state::chunk_line : now_.left > 0 ? state::body : state::complete;
}

bool request_parser::has_valid_host() {
  if (now_.hosts == 0 && !now_.result.http_1_0) {
    refuse(400, "The Host header must be there once and name a host");
    return false;
  }
  if (now_.authority.empty())
    return true;
  auto& headers = now_.result.message.headers;
  std::erase_if(headers, [](const header& h) { return equals_ignoring_case(h.name, "host"); });
  headers.push_back({"Host", now_.authority});
  return true;
}

/// RFC 9112, 6: one way to tell the length, and one only.
bool request_parser::has_valid_framing() {
  if (!now_.has_transfer_encoding)
    return true;
  if (now_.result.http_1_0 || now_.content_lengths > 0) {
    refuse(400, "Transfer-Encoding cannot be combined with Content-Length or HTTP/1.0");
    return false;
  }
  std::string_view list = now_.transfer_encoding;
  std::string_view last;
  int codings = 0;
  int chunked = 0;
  while (const auto coding = next_list_element(list)) {
    last = *coding;
    ++codings;
    chunked += equals_ignoring_case(last, "chunked");
  }
  if (chunked != 1 || !equals_ignoring_case(last, "chunked")) {
    refuse(400, "The last transfer coding must be chunked");
    return false;
  }
  if (codings > 1)
    refuse(501, "The only transfer coding is chunked");
  else if (now_.transfer_encoding.size() !=
           last.size()) // empty elements: what for, if not to hide?
    refuse(400, "Transfer-Encoding is malformed");
  return !complete();
}

void request_parser::on_chunk_line(std::string_view line) {
  constexpr std::size_t digits_max = 16;
  std::size_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size() && hex_value(line[digits]); ++digits)
    if (size <= limits_.body_bytes_max)
      size = size * 16 + *hex_value(line[digits]);
  now_.extension_bytes += line.size() - digits;
  if (digits == 0 || digits > digits_max || !is_chunk_extension(line.substr(digits)) ||
      now_.extension_bytes > limits_.extension_bytes_max)
    return refuse(400, "A chunk of the body is malformed");
  if (size > limits_.body_bytes_max - now_.result.message.body.size())
    return refuse(413, "The body is too large");
  now_.left = size;
  state_ = size > 0 ? state::chunk_data : state::trailer_line;
}

void request_parser::on_chunk_end(std::string_view line) {
  if (!line.empty())
    return refuse(400, "A chunk of the body is malformed");
  state_ = state::chunk_line;
}

void request_parser::refuse(int status, std::string message) {
  if (complete())
    return;
  now_.result.message.refused = refusal{status, std::move(message)};
  now_.result.message.body.clear();
  now_.result.keep_alive = false;
  now_.wants_continue = false;
  state_ = state::complete;
}

parsed_request request_parser::take() {
  auto result = std::move(now_.result);
  now_ = progress{};
  std::string().swap(line_); // an idle connection holds no memory for a line
  state_ = state::request_line;
  return result;
}

} // namespace ares::http
