#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/shelf.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace ares::http;
using namespace ares::test;
using namespace std::chrono_literals;

namespace {

/// A server whose exchanges the test answers itself.
struct front_desk {
  explicit front_desk(const server_options& options = local())
      : s(options, [this](request, auto e) { held.put(e); }) {}

  std::shared_ptr<stream> open(raw_client& c, std::string_view bytes) {
    c.send(bytes);
    return held.take()->start_stream(200, {{"Content-Type", "text/event-stream"}});
  }

  shelf held;
  server s;
};

server_options with_stall_max(std::chrono::milliseconds after) {
  auto options = local();
  options.write_stall_max = after;
  return options;
}

/// Writes until bytes stay behind: the kernel takes no more.
void fill(stream& to, std::atomic<int>& written, std::atomic<int>& refused) {
  while (to.buffered_bytes() < 1 << 20)
    to.write(std::string(32768, 'x'), [&](bool sent) { ++(sent ? written : refused); });
}

} // namespace

TEST_CASE("a stream is sent in chunks, one a piece, and the connection lives on") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/"));
  std::mutex mutex;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i)
    s->write("piece " + std::to_string(i), [&, i](bool sent) {
      const std::lock_guard lock(mutex);
      order.push_back(sent ? i : -1);
    });
  s->finish();
  s->finish();
  const auto answer = c.receive_until("0\r\n\r\n");
  CHECK(contains(answer, "\r\nTransfer-Encoding: chunked\r\n"));
  CHECK_FALSE(contains(answer, "Content-Length"));
  CHECK(contains(answer, "\r\n\r\n7\r\npiece 0\r\n7\r\npiece 1\r\n7\r\npiece 2\r\n0\r\n\r\n"));
  CHECK(eventually([&] { return desk.s.in_flight() == 0; }));
  CHECK(order == std::vector{0, 1, 2});
  c.send(get("/"));
  desk.held.take()->respond(text("next"));
  CHECK(contains(c.receive_response(), "next"));
}

TEST_CASE("the head of a stream and each piece leave at once") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/"));
  CHECK(starts_with(c.receive_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\n"));
  for (int i = 0; i < 3; ++i) {
    s->write("data: x\n\n", {});
    CHECK(c.receive_until("\n\n\r\n") == "9\r\ndata: x\n\n\r\n");
  }
  CHECK(eventually([&] { return s->buffered_bytes() == 0; }));
}

TEST_CASE("an empty piece does not end a stream") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/"));
  std::atomic<bool> written{false};
  s->write("", [&](bool sent) { written = sent; });
  CHECK(eventually([&] { return written.load(); }));
  s->write("x", {});
  s->finish();
  CHECK(contains(c.receive_until("0\r\n\r\n"), "\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
}

TEST_CASE("a stream to HTTP/1.0 is not chunked and ends with the connection") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  s->write("one ", {});
  s->write("two", {});
  s->finish();
  const auto answer = c.receive_all();
  CHECK(contains(answer, "\r\nConnection: close\r\n"));
  CHECK_FALSE(contains(answer, "chunked"));
  CHECK(contains(answer, "\r\n\r\none two"));
  CHECK_FALSE(c.was_reset());
}

TEST_CASE("a stream that is dropped ends without the final chunk") {
  front_desk desk;
  raw_client c(desk.s.port());
  auto s = desk.open(c, get("/"));
  s->write("x", {});
  s.reset();
  const auto answer = c.receive_all();
  CHECK(contains(answer, "1\r\nx\r\n"));
  CHECK_FALSE(contains(answer, "0\r\n\r\n"));
  CHECK_FALSE(c.timed_out());
  CHECK(eventually([&] { return desk.s.in_flight() == 0; }));
}

TEST_CASE("a stream to HTTP/1.0 that is dropped ends with a reset") {
  front_desk desk;
  raw_client c(desk.s.port());
  auto s = desk.open(c, "GET / HTTP/1.0\r\n\r\n");
  s->write("x", {});
  c.receive_until("x");
  s.reset();
  c.receive_all();
  CHECK(c.was_reset());
}

TEST_CASE("a HEAD gets the head of a stream only") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  s->write("lost", {});
  s->finish();
  CHECK(starts_with(c.receive_until("\r\n\r\n"), "HTTP/1.1 200 "));
  c.send(get("/"));
  desk.held.take()->respond(text("next"));
  CHECK(starts_with(c.receive_response(), "HTTP/1.1 200 "));
}

TEST_CASE("a large piece arrives whole") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/", "Connection: close\r\n"));
  std::string piece(3 << 20, 'x');
  s->write(piece, {});
  s->finish();
  CHECK(contains(c.receive_all(), "300000\r\n" + piece + "\r\n0\r\n\r\n"));
}

TEST_CASE("a client that reads again after a pause misses nothing") {
  front_desk desk;
  raw_client c(desk.s.port(), 4096);
  const auto s = desk.open(c, get("/", "Connection: close\r\n"));
  std::atomic<int> written{0};
  std::atomic<int> refused{0};
  fill(*s, written, refused);
  s->finish();
  const auto answer = c.receive_all();
  CHECK(contains(answer.substr(answer.size() - 9), "x\r\n0\r\n\r\n"));
  CHECK(refused == 0);
  CHECK(static_cast<int>(count_of(answer, "8000\r\n")) == written);
}

TEST_CASE("a client that takes no byte of a stream is cut, and everybody told") {
  front_desk desk(with_stall_max(400ms));
  raw_client c(desk.s.port(), 4096);
  c.send(get("/"));
  const auto e = desk.held.take();
  std::atomic<int> gone{0};
  e->watch(exchange::half_close::means_gone, [&gone] { ++gone; });
  const auto s = e->start_stream(200, {});
  std::atomic<int> written{0};
  std::atomic<int> refused{0};
  fill(*s, written, refused);
  CHECK(eventually([&] { return gone == 1; }));
  CHECK(refused > 0);
  CHECK(s->buffered_bytes() == 0);
  s->write("late", [&](bool sent) { ++(sent ? written : refused); });
  const int before = refused;
  CHECK(eventually([&] { return refused > before || refused > 32; }));
  CHECK(desk.s.in_flight() == 0);
  CHECK(eventually([&] { return desk.s.connections() == 0; }));
}

TEST_CASE("a client that takes nothing is cut even if the kernel could hold all of it") {
  front_desk desk(with_stall_max(400ms));
  raw_client c(desk.s.port(), 2048);
  c.send(get("/"));
  const auto e = desk.held.take();
  std::atomic<bool> gone{false};
  e->watch(exchange::half_close::gets_its_answer, [&gone] { gone = true; });
  const auto s = e->start_stream(200, {});
  for (int i = 0; i < 20; ++i)
    s->write(std::string(1000, 'x'), {});
  CHECK(eventually([&] { return gone.load(); }));
}

TEST_CASE("a client that takes no byte of a large answer is cut") {
  front_desk desk(with_stall_max(400ms));
  raw_client c(desk.s.port(), 4096);
  c.send(get("/"));
  desk.held.take()->respond(text(std::string(32 << 20, 'x')));
  CHECK(eventually([&] { return desk.s.connections() == 0; }));
  CHECK(desk.s.in_flight() == 0);
}

TEST_CASE("an idle client that has not taken its answer is reset, so that the kernel frees it") {
  auto options = local();
  options.keep_alive_timeout = options.write_stall_max = 300ms;
  const std::string large(200000, 'x');
  server s(options, [&large](request, auto e) { e->respond(text(large)); });
  raw_client c(s.port(), 4096);
  c.send(get("/"));
  CHECK(eventually([&] { return s.connections() == 1; }));
  CHECK(eventually([&] { return s.connections() == 0; }));
  c.receive_all();
  CHECK(c.was_reset());
}

TEST_CASE("a silent stream is not a stalled one") {
  front_desk desk(with_stall_max(200ms));
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/"));
  s->write("x", {});
  REQUIRE(contains(c.receive_until("x\r\n"), "x"));
  std::this_thread::sleep_for(600ms);
  s->write("y", {});
  CHECK(contains(c.receive_until("y\r\n"), "y"));
}

TEST_CASE("a callback that throws harms nobody") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/"));
  s->write("x", [](bool) { throw std::runtime_error("ours"); });
  s->write("y", {});
  s->finish();
  CHECK(contains(c.receive_until("0\r\n\r\n"), "1\r\ny\r\n"));
  c.send(get("/"));
  desk.held.take()->respond(text("next"));
  CHECK(contains(c.receive_response(), "next"));
}

TEST_CASE("a stream may be written to from a callback of its own") {
  front_desk desk;
  raw_client c(desk.s.port());
  const auto s = desk.open(c, get("/", "Connection: close\r\n"));
  std::atomic<int> left{100};
  std::function<void(bool)> next = [&](bool) {
    if (left-- > 0)
      s->write("x", next);
    else
      s->finish();
  };
  next(true);
  CHECK(count_of(c.receive_all(), "1\r\nx\r\n") == 100);
}
