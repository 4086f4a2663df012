#include "store/redis_link.hpp"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace ares::store {

namespace {

constexpr std::size_t read_bytes_max = 64 * 1024;
/// What an idle connection may keep of a large batch's buffer.
constexpr std::size_t kept_bytes_max = 1024 * 1024;

/// Depth is bounded by hiredis' reader (7 levels in 0.14, 9 in 1.2).
reply convert(const redisReply& r) {
  reply out;
  switch (r.type) {
  case REDIS_REPLY_INTEGER:
    out.type = reply::kind::integer;
    out.integer = r.integer;
    break;
  case REDIS_REPLY_STRING:
  case REDIS_REPLY_STATUS:
    out.type = reply::kind::text;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ERROR:
    out.type = reply::kind::error;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ARRAY:
    out.type = reply::kind::array;
    out.items.reserve(r.elements);
    for (std::size_t i = 0; i < r.elements; ++i)
      out.items.push_back(convert(*r.element[i]));
    break;
  default: // nil; the types of RESP3 are never asked for
    break;
  }
  return out;
}

void append_count(std::string& out, char mark, std::size_t count) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, count).ptr;
  out += mark;
  out.append(digits, end);
  out += "\r\n";
}

} // namespace

void redis_link::free_context::operator()(redisContext* c) const noexcept {
  redisFree(c);
}

redis_link::redis_link(const redis_address& where)
    : context_(where.path.empty() ? redisConnectNonBlock(where.host.c_str(), where.port)
                                  : redisConnectUnixNonBlock(where.path.c_str())) {
  if (!context_ || context_->err != 0) {
    fail(context_ ? context_->errstr : "out of memory");
    return;
  }
  descriptor_ = static_cast<int>(context_->fd);
  read_buffer_ = std::make_unique_for_overwrite<char[]>(read_bytes_max);
}

redis_link::~redis_link() = default;

void redis_link::fail(std::string why) {
  if (broken_.empty())
    broken_ = std::move(why);
}

bool redis_link::finish_connecting() {
  int problem = 0;
  socklen_t size = sizeof problem;
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
    problem = errno;
  if (problem != 0)
    fail(std::strerror(problem));
  return broken_.empty();
}

void redis_link::begin_command(std::size_t arguments) {
  append_count(out_, '*', arguments);
}

void redis_link::argument(std::string_view text) {
  append_count(out_, '$', text.size());
  out_ += text;
  out_ += "\r\n";
}

void redis_link::put(const command& c, bool whole_text) {
  if (c.run) {
    const bool is_function = !c.run->function.empty();
    begin_command(3 + c.arguments.size());
    argument(is_function ? "FCALL" : whole_text ? "EVAL" : "EVALSHA");
    argument(is_function ? c.run->function : whole_text ? c.run->text : c.run->sha1);
    argument(std::to_string(c.keys));
  } else {
    begin_command(c.arguments.size());
  }
  for (const auto& text : c.arguments)
    argument(text);
}

void redis_link::flush() {
  while (unsent_bytes() > 0 && broken_.empty()) {
    const auto sent = send(descriptor_, out_.data() + out_begin_, unsent_bytes(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        fail(std::strerror(errno));
      return;
    }
    out_begin_ += static_cast<std::size_t>(sent);
    sent_position_ += static_cast<std::uint64_t>(sent);
  }
  if (out_.capacity() > kept_bytes_max)
    std::string().swap(out_);
  out_.clear();
  out_begin_ = 0;
}

void redis_link::receive(const std::function<void(reply)>& take) {
  const auto got = recv(descriptor_, read_buffer_.get(), read_bytes_max, 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      fail(std::strerror(errno));
    return;
  }
  if (got == 0)
    return fail("closed by the server");
  redisReader* reader = context_->reader;
  redisReaderFeed(reader, read_buffer_.get(), static_cast<std::size_t>(got));
  while (broken_.empty()) {
    void* next = nullptr;
    if (redisReaderGetReply(reader, &next) != REDIS_OK)
      return fail(reader->errstr);
    if (next == nullptr)
      return;
    auto converted = convert(*static_cast<redisReply*>(next));
    freeReplyObject(next);
    take(std::move(converted));
  }
}

} // namespace ares::store
