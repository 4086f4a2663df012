#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/shelf.hpp"

#include <atomic>
#include <string>
#include <thread>

using namespace ares::http;
using namespace ares::test;
using namespace std::chrono_literals;

namespace {

constexpr auto means_gone = exchange::half_close::means_gone;
constexpr auto gets_its_answer = exchange::half_close::gets_its_answer;

/// A server that watches every exchange and leaves the answer to the test.
struct watching_desk {
  explicit watching_desk(exchange::half_close meaning)
      : s(local(), [this, meaning](request, const std::shared_ptr<exchange>& e) {
          e->watch(meaning, [this] { ++gone; });
          held.put(e);
        }) {}

  std::atomic<int> gone{0};
  shelf held;
  server s;
};

} // namespace

TEST_CASE("a reset is noticed while a request is under way") {
  for (const auto meaning : {means_gone, gets_its_answer}) {
    watching_desk desk(meaning);
    raw_client c(desk.s.port());
    c.send(get("/"));
    const auto e = desk.held.take();
    c.reset();
    CHECK(eventually([&] { return desk.gone == 1; }));
    CHECK(desk.s.in_flight() == 0);
    CHECK(eventually([&] { return desk.s.connections() == 0; }));
    e->respond(text("too late"));
  }
}

TEST_CASE("a reset is noticed behind pipelined bytes that nobody has read") {
  watching_desk desk(gets_its_answer);
  raw_client c(desk.s.port());
  c.send(get("/") + get("/") + post("/", std::string(100000, 'x')));
  const auto e = desk.held.take();
  c.reset();
  CHECK(eventually([&] { return desk.gone == 1; }));
  CHECK(desk.held.size() == 0);
}

TEST_CASE("a reset is noticed during a silent stream") {
  watching_desk desk(gets_its_answer);
  raw_client c(desk.s.port());
  c.send(get("/"));
  const auto s = desk.held.take()->start_stream(200, {});
  s->write("x", {});
  c.receive_until("x");
  c.reset();
  CHECK(eventually([&] { return desk.gone == 1; }));
  std::atomic<bool> refused{false};
  s->write("y", [&](bool sent) { refused = !sent; });
  CHECK(eventually([&] { return refused.load(); }));
}

TEST_CASE("the end of the client's side means that it left, where the handler says so") {
  watching_desk desk(means_gone);
  raw_client c(desk.s.port());
  c.send(get("/"));
  const auto e = desk.held.take();
  c.shut_sending();
  CHECK(eventually([&] { return desk.gone == 1; }));
  CHECK(c.receive_all().empty());
  CHECK(eventually([&] { return desk.s.connections() == 0; }));
}

TEST_CASE("within the grace a half-closed client still gets its answer") {
  watching_desk desk(means_gone);
  raw_client c(desk.s.port());
  c.send(get("/"));
  const auto e = desk.held.take();
  c.shut_sending();
  e->respond(text("in time"));
  CHECK(contains(c.receive_all(), "in time"));
  CHECK(desk.gone == 0);
}

TEST_CASE("elsewhere a half-closed client gets the answers to all that it sent") {
  watching_desk desk(gets_its_answer);
  raw_client c(desk.s.port());
  c.send(get("/1") + get("/2") + post("/3", "x"));
  c.shut_sending();
  std::this_thread::sleep_for(1000ms); // longer than the grace
  for (const auto* body : {"one", "two", "three"})
    desk.held.take()->respond(text(body));
  const auto answers = c.receive_all();
  CHECK(count_of(answers, "HTTP/1.1 200 OK") == 3);
  CHECK(contains(answers, "three"));
  CHECK(desk.gone == 0);
}

TEST_CASE("a half-closed client gets the whole of a long stream") {
  watching_desk desk(gets_its_answer);
  raw_client c(desk.s.port());
  c.send(get("/"));
  c.shut_sending();
  const auto s = desk.held.take()->start_stream(200, {});
  for (int i = 0; i < 3; ++i) {
    s->write("x", {});
    std::this_thread::sleep_for(250ms);
  }
  s->finish();
  CHECK(contains(c.receive_all(), "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n"));
  CHECK(desk.gone == 0);
}

TEST_CASE("nobody is told of a client that leaves after its answer") {
  watching_desk desk(means_gone);
  {
    raw_client c(desk.s.port());
    c.send(get("/"));
    desk.held.take()->respond(text("x"));
    c.receive_response();
  }
  CHECK(eventually([&] { return desk.s.connections() == 0; }));
  CHECK(desk.gone == 0);
}

TEST_CASE("who begins to watch too late is told at once") {
  shelf held;
  server s(local(), [&held](request, auto e) { held.put(e); });
  raw_client c(s.port());
  c.send(get("/"));
  const auto e = held.take();
  c.reset();
  REQUIRE(eventually([&] { return s.connections() == 0; }));
  std::atomic<bool> gone{false};
  e->watch(means_gone, [&] { gone = true; });
  CHECK(eventually([&] { return gone.load(); }));
}

TEST_CASE("a client that leaves before its large answer is complete is reported") {
  watching_desk desk(gets_its_answer);
  raw_client c(desk.s.port(), 4096);
  c.send(get("/"));
  desk.held.take()->respond(text(std::string(32 << 20, 'x')));
  c.receive();
  c.reset();
  CHECK(eventually([&] { return desk.gone == 1; }));
}
