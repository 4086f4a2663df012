#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares::bench {

/// What is sent, with placeholders: `{key}` stands for the next of the keys, `{n}` for the number
/// of the request, which no two requests of a measurement share. Both may stand in path, headers,
/// body.
struct request_template {
  std::string method = "GET";
  std::string host; ///< for the Host header
  std::string path = "/";
  std::vector<std::string> headers; ///< "Name: value"
  std::string body;                 ///< with Content-Length if the method is not GET
};

/// Writes the requests of one worker, one behind the other. Of one thread.
class request_source {
public:
  struct share {
    unsigned worker = 0;
    unsigned workers = 1;
    std::uint64_t first_number = 0; ///< `{n}` counts from here
  };

  /// `keys` is shared with the other workers, each of which takes every so manieth in turn.
  request_source(const request_template& what, const std::vector<std::string>& keys, share mine);

  /// The bytes of the next request; they live until the next call.
  std::string_view next();

private:
  enum class placeholder { none, key, number };
  struct piece {
    std::string text;
    placeholder then = placeholder::none; // what comes behind the text
  };
  using pieces = std::vector<piece>;

  static pieces cut(std::string_view text);
  void write(const pieces& from, std::string& to) const;

  pieces head_;
  pieces body_;
  bool has_body_;
  const std::vector<std::string>& keys_;
  share mine_;
  std::uint64_t written_ = 0;
  std::string number_;
  std::string_view key_;
  std::string body_bytes_;
  std::string bytes_;
};

} // namespace ares::bench
