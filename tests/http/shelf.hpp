// What the tests of the HTTP server share: requests, answers, and a place for open exchanges.
#pragma once

#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares::test {

inline http::response text(std::string body, int status = 200) {
  http::response r;
  r.status = status;
  r.headers.push_back({"Content-Type", "text/plain"});
  r.body = std::move(body);
  return r;
}

inline http::server_options local(int threads = 1) {
  http::server_options options;
  options.host = "127.0.0.1";
  options.threads = threads;
  return options;
}

inline std::string get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

inline std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

/// Holds exchanges back until a test wants them answered.
class shelf {
public:
  void put(std::shared_ptr<http::exchange> e) {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(e));
  }
  /// Waits for one.
  std::shared_ptr<http::exchange> take() {
    std::shared_ptr<http::exchange> e;
    REQUIRE(eventually([&] { return (e = try_take()) != nullptr; }));
    return e;
  }
  std::shared_ptr<http::exchange> try_take() {
    const std::lock_guard lock(mutex_);
    if (exchanges_.empty())
      return nullptr;
    auto e = std::move(exchanges_.front());
    exchanges_.erase(exchanges_.begin());
    return e;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return exchanges_.size();
  }

private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<http::exchange>> exchanges_;
};

} // namespace ares::test
