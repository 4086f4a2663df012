#include "http/curl_transport.hpp"
#include "tests/catch.hpp"
#include "tests/http/stand_in_upstream.hpp"
#include "tests/self_signed.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <optional>
#include <vector>

using namespace ares;
using namespace std::chrono_literals;
using end_kind = transfer_end::kind;

namespace {

/// Writes down what it hears and lets the test wait for it.
class recorder : public transfer_listener {
public:
  void on_head(int status,
               const std::vector<std::pair<std::string, std::string>>& headers) override {
    std::lock_guard lock(mutex_);
    ++heads;
    this->status = status;
    this->headers = headers;
  }
  bool on_data(std::string_view bytes) override {
    std::lock_guard lock(mutex_);
    broken_rules += heads == 0 || paused || ended;
    body += bytes;
    paused = pause_at != 0 && body.size() >= pause_at;
    changed_.notify_all();
    return !paused;
  }
  void on_end(transfer_end end) override {
    std::lock_guard lock(mutex_);
    broken_rules += ended.has_value();
    ended = end.what;
    changed_.notify_all();
  }

  end_kind wait_for_end() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 30s, [this] { return ended.has_value(); }))
      throw std::runtime_error("the transfer did not end");
    return *ended;
  }
  void wait_for_bytes(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 30s, [&] { return body.size() >= count; }))
      throw std::runtime_error("the bytes did not come");
  }
  void allow(std::size_t next_pause_at) {
    std::lock_guard lock(mutex_);
    paused = false;
    pause_at = next_pause_at;
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    for (const auto& [key, value] : headers)
      if (key == name)
        return value;
    return {};
  }

  int heads = 0, status = 0, broken_rules = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::size_t pause_at = 0; // 0: never
  bool paused = false;
  std::optional<end_kind> ended;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

transfer_request post(const std::string& url, std::string body = "{}") {
  transfer_request request;
  request.url = url;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  return request;
}

struct exchange {
  std::shared_ptr<recorder> heard = std::make_shared<recorder>();
  transport::transfer id = 0;

  exchange(transport& wire, transfer_request request, std::size_t pause_at = 0) {
    heard->pause_at = pause_at;
    id = wire.start(std::move(request), heard);
  }
  end_kind end() {
    const auto kind = heard->wait_for_end();
    CHECK(heard->broken_rules == 0);
    return kind;
  }
};

/// The end of a transfer whose upstream reads the request and then plays `script`.
end_kind end_after(
    const std::function<void(upstream_connection&)>& script,
    std::function<void(transfer_request&)> change = [](transfer_request&) {}) {
  stand_in_upstream upstream([&](upstream_connection& c) {
    if (c.read_request())
      script(c);
  });
  curl_transport wire;
  auto request = post(upstream.url());
  change(request);
  return exchange(wire, std::move(request)).end();
}

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace

TEST_CASE("a request arrives as it was given") {
  std::promise<std::pair<std::string, std::string>> arrived;
  stand_in_upstream upstream([&](upstream_connection& c) {
    c.read_request();
    arrived.set_value({c.head, c.body});
    c.answer("ok");
  });
  curl_transport wire;
  const std::string body(2'000'000, 'x');
  auto request = post(upstream.url("/v1/x"), body);
  request.headers.emplace_back("Authorization", "Bearer key");
  exchange e(wire, std::move(request));
  CHECK(e.end() == end_kind::complete);
  CHECK(e.heard->status == 200);
  CHECK(e.heard->body == "ok");
  const auto [head, got] = arrived.get_future().get();
  CHECK(head.starts_with("POST /v1/x HTTP/1.1\r\n"));
  CHECK(head.find("\r\nAuthorization: Bearer key\r\n") != std::string::npos);
  CHECK(head.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(head.find("Expect") == std::string::npos);
  CHECK(got == body);
}

TEST_CASE(
    "header names come in lower case, values trimmed, interim answers and trailers not at all") {
  stand_in_upstream upstream([](upstream_connection& c) {
    c.read_request();
    c.send(
        "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    c.send("HTTP/1.1 429 Too Many\r\nRetry-AFTER:  3 \r\nTransfer-Encoding: chunked\r\n\r\n");
    c.send("3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n");
  });
  curl_transport wire;
  exchange e(wire, post(upstream.url()));
  CHECK(e.end() == end_kind::complete);
  CHECK(e.heard->heads == 1);
  CHECK(e.heard->status == 429);
  CHECK(e.heard->header("retry-after") == "3");
  CHECK(e.heard->header("x-interim").empty());
  CHECK(e.heard->body == "abc");
}

TEST_CASE("a connection is kept and used again") {
  stand_in_upstream upstream([](upstream_connection& c) {
    while (c.read_request())
      c.answer("from connection " + std::to_string(c.number));
  });
  curl_transport wire;
  for (int i = 0; i < 3; ++i) {
    exchange e(wire, post(upstream.url()));
    CHECK(e.end() == end_kind::complete);
    CHECK(e.heard->body == "from connection 1");
  }
}

TEST_CASE("a kept connection that has died is replaced") {
  std::promise<void> closed;
  stand_in_upstream upstream([&](upstream_connection& c) {
    c.read_request();
    c.answer("x");
    if (c.number == 1 && c.read_request()) // the second request dies with the connection
      c.reset();
  });
  curl_transport wire;
  CHECK(exchange(wire, post(upstream.url())).end() == end_kind::complete);
  CHECK(exchange(wire, post(upstream.url())).end() == end_kind::complete);
  CHECK(upstream.connections() == 2);
}

TEST_CASE("an upstream that cannot be reached is a failure to connect") {
  curl_transport wire;
  std::string refused;
  {
    stand_in_upstream gone([](upstream_connection&) {});
    refused = gone.url();
  }
  CHECK(exchange(wire, post(refused)).end() == end_kind::connect_failed);
  CHECK(exchange(wire, post("file:///etc/hostname")).end() == end_kind::connect_failed);
  CHECK(exchange(wire, post("nonsense:// x")).end() == end_kind::connect_failed);
  CHECK(exchange(wire, post("")).end() == end_kind::connect_failed);
}

TEST_CASE("a plain-text upstream behind an https address is a failure to connect") {
  stand_in_upstream upstream([](upstream_connection& c) { c.send("HTTP/1.1 200 OK\r\n\r\n"); });
  curl_transport wire;
  const auto url = "https" + upstream.url().substr(4);
  CHECK(exchange(wire, post(url)).end() == end_kind::connect_failed);
}

TEST_CASE("a TLS upstream is trusted only with a certificate of a known authority for its name") {
  const auto end_with = [](const char* certified_name, bool trusted) {
    self_signed certificate(certified_name);
    stand_in_upstream upstream([&](upstream_connection& c) {
      certificate.serve(c.socket(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    curl_transport wire(trusted ? certificate.pem_file() : "");
    exchange e(wire, post("https" + upstream.url().substr(4)));
    return e.end();
  };
  CHECK(end_with("IP:127.0.0.1", true) == end_kind::complete);
  CHECK(end_with("IP:127.0.0.1", false) == end_kind::connect_failed);
  CHECK(end_with("DNS:example.com", true) == end_kind::connect_failed);
}

TEST_CASE("an answer that ends early is cut") {
  CHECK(end_after([](upstream_connection& c) { c.close(); }) == end_kind::cut);
  CHECK(end_after([](upstream_connection& c) { c.reset(); }) == end_kind::cut);
  CHECK(end_after([](upstream_connection& c) { c.send("HTTP/1.1 200 OK\r\nContent-Le"); }) ==
        end_kind::cut);
  CHECK(end_after([](upstream_connection& c) {
          c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        }) == end_kind::cut);
  CHECK(end_after([](upstream_connection& c) {
          c.send(chunked_head);
          c.chunk("abc");
        }) == end_kind::cut);
  CHECK(end_after([](upstream_connection& c) {
          c.send(chunked_head);
          c.chunk("abc");
          c.reset();
        }) == end_kind::cut);
}

TEST_CASE("an answer that is no HTTP is cut") {
  CHECK(end_after([](upstream_connection& c) { c.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"); }) ==
        end_kind::cut);
  CHECK(end_after([](upstream_connection& c) {
          c.send(chunked_head);
          c.send("zz\r\nabc\r\n");
        }) == end_kind::cut);
}

TEST_CASE("silence before the first byte and between bytes ends a transfer") {
  const auto impatient = [](transfer_request& request) { request.silence_max = 100ms; };
  CHECK(end_after([](upstream_connection& c) { c.peer_closes(); }, impatient) ==
        end_kind::timed_out);
  CHECK(end_after(
            [](upstream_connection& c) {
              c.send(chunked_head);
              c.chunk("abc");
              c.peer_closes();
            },
            impatient) == end_kind::timed_out);
}

TEST_CASE("the deadline ends a transfer that is not silent") {
  const auto drip = [](upstream_connection& c) {
    c.send(chunked_head);
    while (c.chunk("x"))
      std::this_thread::sleep_for(10ms);
  };
  CHECK(end_after(drip, [](transfer_request& request) { request.deadline = 200ms; }) ==
        end_kind::timed_out);
}

TEST_CASE("an upstream that is slow but not silent is waited for") {
  const auto slow = [](upstream_connection& c) {
    c.send(chunked_head);
    for (int i = 0; i < 10; ++i, std::this_thread::sleep_for(50ms))
      c.chunk("x");
    c.chunk("");
  };
  CHECK(end_after(slow, [](transfer_request& request) { request.silence_max = 300ms; }) ==
        end_kind::complete);
}

TEST_CASE("a paused transfer reads nothing, is not silent, and goes on where it was") {
  constexpr std::size_t total = 32u << 20;
  stand_in_upstream upstream([](upstream_connection& c) {
    c.read_request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
    const std::string block(1u << 20, 'x');
    for (std::size_t sent = 0; sent < total && c.send(block);)
      sent += block.size();
  });
  curl_transport wire;
  auto request = post(upstream.url());
  request.silence_max = 200ms;
  request.answer_bytes_max = 2 * total;
  exchange e(wire, std::move(request), 1);
  e.heard->wait_for_bytes(1);
  std::this_thread::sleep_for(500ms); // longer than any silence that would be allowed
  CHECK_FALSE(e.heard->ended);
  CHECK(e.heard->body.size() <= 64u << 10);
  for (std::size_t next : {std::size_t(1) << 20, std::size_t(5) << 20}) {
    e.heard->allow(next);
    wire.resume(e.id);
    e.heard->wait_for_bytes(next);
  }
  e.heard->allow(0);
  wire.resume(e.id);
  CHECK(e.end() == end_kind::complete);
  CHECK(e.heard->body == std::string(total, 'x'));
}

TEST_CASE("silence counts again after a pause") {
  stand_in_upstream upstream([](upstream_connection& c) {
    c.read_request();
    c.send(chunked_head);
    c.chunk("x");
    c.peer_closes();
  });
  curl_transport wire;
  auto request = post(upstream.url());
  request.silence_max = 100ms;
  exchange e(wire, std::move(request), 1);
  e.heard->wait_for_bytes(1);
  e.heard->allow(0);
  wire.resume(e.id);
  CHECK(e.end() == end_kind::timed_out);
}

TEST_CASE("the deadline ends a paused transfer, too") {
  stand_in_upstream upstream([](upstream_connection& c) {
    c.read_request();
    c.send(chunked_head);
    c.chunk("x");
    c.peer_closes();
  });
  curl_transport wire;
  auto request = post(upstream.url());
  request.deadline = 200ms;
  exchange e(wire, std::move(request), 1);
  CHECK(e.end() == end_kind::timed_out);
}

TEST_CASE("a cancelled transfer closes its connection, while it streams, waits or is paused") {
  for (std::size_t pause_at : {0, 1}) {
    std::promise<bool> closed;
    stand_in_upstream upstream([&](upstream_connection& c) {
      c.read_request();
      c.send(chunked_head);
      c.chunk("x");
      closed.set_value(c.peer_closes());
    });
    curl_transport wire;
    exchange e(wire, post(upstream.url()), pause_at);
    e.heard->wait_for_bytes(1);
    wire.cancel(e.id);
    wire.cancel(e.id);
    CHECK(closed.get_future().get());
    CHECK(e.end() == end_kind::cancelled);
    wire.resume(e.id);
  }
  std::promise<bool> closed;
  std::promise<void> asked;
  stand_in_upstream upstream([&](upstream_connection& c) {
    c.read_request();
    asked.set_value();
    closed.set_value(c.peer_closes());
  });
  curl_transport wire;
  exchange e(wire, post(upstream.url()));
  asked.get_future().get();
  wire.cancel(e.id);
  CHECK(closed.get_future().get());
  CHECK(e.end() == end_kind::cancelled);
}

TEST_CASE("an answer or its head over the bound is too large") {
  const auto small = [](transfer_request& request) { request.answer_bytes_max = 10; };
  CHECK(end_after([](upstream_connection& c) { c.answer("0123456789"); }, small) ==
        end_kind::complete);
  CHECK(end_after([](upstream_connection& c) { c.answer("0123456789a"); }, small) ==
        end_kind::too_large);
  CHECK(end_after([](upstream_connection& c) {
          c.send("HTTP/1.1 200 OK\r\n");
          const std::string line = "X-Padding: " + std::string(1000, 'x') + "\r\n";
          for (int i = 0; i < 200 && c.send(line); ++i)
            ;
        }) == end_kind::too_large);
}

TEST_CASE("a redirect is an answer like any other") {
  stand_in_upstream upstream([](upstream_connection& c) {
    while (c.read_request())
      c.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
  });
  curl_transport wire;
  exchange e(wire, post(upstream.url()));
  CHECK(e.end() == end_kind::complete);
  CHECK(e.heard->status == 302);
}

TEST_CASE("a proxy of the environment is not used") {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  CHECK(end_after([](upstream_connection& c) { c.answer("direct"); }) == end_kind::complete);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

TEST_CASE("the end of the transport cancels what is under way") {
  stand_in_upstream upstream([](upstream_connection& c) { c.peer_closes(); });
  auto wire = std::make_unique<curl_transport>();
  exchange first(*wire, post(upstream.url()));
  exchange second(*wire, post(upstream.url()));
  wire.reset();
  CHECK(first.heard->ended == end_kind::cancelled);
  CHECK(second.heard->ended == end_kind::cancelled);
}

TEST_CASE("many transfers at once do not disturb each other") {
  stand_in_upstream upstream([](upstream_connection& c) {
    while (c.read_request()) {
      c.send(chunked_head);
      for (int i = 0; i < 5; ++i)
        c.chunk(c.body);
      c.chunk("");
    }
  });
  curl_transport wire;
  for (int round = 0; round < 3; ++round) {
    std::vector<exchange> all;
    for (int i = 0; i < 100; ++i)
      all.emplace_back(wire, post(upstream.url(), "<" + std::to_string(i) + ">"));
    for (int i = 0; i < 100; ++i) {
      std::string expected;
      for (int n = 0; n < 5; ++n)
        expected += "<" + std::to_string(i) + ">";
      CHECK(all[static_cast<std::size_t>(i)].end() == end_kind::complete);
      CHECK(all[static_cast<std::size_t>(i)].heard->body == expected);
    }
  }
}
