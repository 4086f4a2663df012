#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/request_examples.hpp"
#include "tests/http/shelf.hpp"

#include <sys/resource.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace ares::http;
using namespace ares::test;
using namespace std::chrono_literals;

namespace {

/// Answers with what it got: method, path, body; a refusal with its status.
void echo(request r, const std::shared_ptr<exchange>& e) {
  if (r.refused)
    return e->respond(text(r.refused->message, r.refused->status));
  e->respond(text(r.method + " " + r.path + " " + r.body));
}

} // namespace

TEST_CASE("a request is answered with status, date, type, length and body") {
  server s(local(), echo);
  raw_client c(s.port());
  c.send(get("/x"));
  const auto answer = c.receive_response();
  CHECK(starts_with(answer, "HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "\r\nDate: "));
  CHECK(contains(answer, " GMT\r\n"));
  CHECK(contains(answer, "\r\nContent-Type: text/plain\r\n"));
  CHECK(contains(answer, "\r\nContent-Length: 7\r\n"));
  CHECK(contains(answer, "\r\n\r\nGET /x "));
  CHECK_FALSE(contains(answer, "Connection:"));
}

TEST_CASE("the peer is the client's address") {
  std::string peer;
  server s(local(), [&peer](request r, auto e) {
    peer = r.peer;
    e->respond(text(""));
  });
  raw_client c(s.port());
  c.send(get("/"));
  c.receive_response();
  CHECK(peer == "127.0.0.1");
}

TEST_CASE("a HEAD gets the length of the body and no body") {
  server s(local(), echo);
  raw_client c(s.port());
  c.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + get("/y"));
  CHECK(contains(c.receive_until("\r\n\r\n"), "\r\nContent-Length: 8\r\n"));
  CHECK(contains(c.receive_response(), "GET /y"));
}

TEST_CASE("a HEAD that is refused gets no body either") {
  server s(local(), echo);
  for (const auto* rest : {"/%zz HTTP/1.1\r\nHost: a\r\n\r\n", "/ HTTP/1.1\r\n\r\n"}) {
    raw_client c(s.port());
    c.send("HEAD " + std::string(rest));
    const auto answer = c.receive_all();
    CHECK(starts_with(answer, "HTTP/1.1 400 "));
    CHECK(answer.ends_with("\r\n\r\n"));
  }
}

TEST_CASE("a 204 has neither body nor length") {
  server s(local(), [](request, auto e) { e->respond(text("lost", 204)); });
  raw_client c(s.port());
  c.send(get("/") + get("/", "Connection: close\r\n"));
  const auto answers = c.receive_all();
  CHECK(count_of(answers, "HTTP/1.1 204 No Content\r\n") == 2);
  CHECK_FALSE(contains(answers, "Content-Length"));
  CHECK_FALSE(contains(answers, "lost"));
}

TEST_CASE("no header of a handler can add a line or overrule the server's own") {
  server s(local(), [](request, auto e) {
    auto r = text("x");
    r.headers.push_back({"X-Bad", "a\r\nX-Injected: b"});
    r.headers.push_back({"X-Injected: c\r\nX", "d"});
    r.headers.push_back({"content-length", "999"});
    r.headers.push_back({"X-Good", "e"});
    e->respond(std::move(r));
  });
  raw_client c(s.port());
  c.send(get("/"));
  const auto answer = c.receive_response();
  CHECK_FALSE(contains(answer, "X-Injected"));
  CHECK_FALSE(contains(answer, "999"));
  CHECK(contains(answer, "X-Good: e"));
}

TEST_CASE("two hundred mixed pipelined requests get two hundred answers in order") {
  std::atomic<int> open{0};
  std::atomic<int> open_max{0};
  std::vector<std::thread> later;
  server s(local(), [&](request r, const std::shared_ptr<exchange>& e) {
    open_max = std::max(open_max.load(), ++open);
    --open;
    if (r.query != "later")
      return echo(std::move(r), e);
    later.emplace_back([r = std::move(r), e]() mutable { echo(std::move(r), e); });
  });
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    const auto path = "/" + std::to_string(i);
    requests += i % 4 == 0   ? get(path)
                : i % 4 == 1 ? post(path, std::string(static_cast<std::size_t>(i) * 20, 'b'))
                : i % 4 == 2 ? get(path + "?later")
                             : "PUT " + path +
                                   " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                                   "\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  }
  raw_client c(s.port());
  std::thread sender([&] { c.send(requests); });
  for (int i = 0; i < 200; ++i) {
    const auto answer = c.receive_response();
    INFO(i);
    REQUIRE(contains(answer, " /" + std::to_string(i) + " "));
  }
  sender.join();
  CHECK(c.has_nothing_left());
  CHECK(open_max == 1);
  s.stop();
  for (auto& t : later)
    t.join();
}

TEST_CASE("an exchange that is dropped, or whose handler throws, is answered with 500") {
  server s(local(), [](request r, std::shared_ptr<exchange> e) {
    if (r.path == "/throw")
      throw std::runtime_error("a secret");
    e.reset();
  });
  raw_client c(s.port());
  for (const auto* path : {"/drop", "/throw", "/drop"}) {
    c.send(get(path));
    const auto answer = c.receive_response();
    CHECK(starts_with(answer, "HTTP/1.1 500 "));
    CHECK(contains(answer, R"("code":"internal")"));
    CHECK_FALSE(contains(answer, "secret"));
  }
}

TEST_CASE("only the first answer counts, also when the next exchange has begun") {
  shelf held;
  server s(local(), [&held](request, auto e) { held.put(e); });
  raw_client c(s.port());
  c.send(get("/"));
  const auto first = held.take();
  first->respond(text("one"));
  first->respond(text("two"));
  CHECK(contains(c.receive_response(), "one"));
  c.send(get("/"));
  const auto second = held.take();
  first->respond(text("three"));
  second->respond(text("four"));
  CHECK(contains(c.receive_response(), "four"));
}

TEST_CASE("a refused request is handed to the handler, answered, and its connection closed") {
  server s(local(), echo);
  for (const auto* bytes :
       {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "\x16\x03\x01\x02\x00",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    raw_client c(s.port());
    c.send(bytes + get("/smuggled"));
    const auto answer = c.receive_all();
    CHECK(starts_with(answer, "HTTP/1.1 400 "));
    CHECK(contains(answer, "\r\nConnection: close\r\n"));
    CHECK(count_of(answer, "HTTP/1.1") == 1);
    CHECK_FALSE(c.was_reset());
  }
}

TEST_CASE("every example is answered over a socket as the parser judges it") {
  auto options = local();
  options.max_body_bytes = example_body_bytes_max;
  server s(options, echo);
  for (const auto& e : all_examples()) {
    INFO(e.bytes.substr(0, 200));
    raw_client c(s.port());
    c.send(e.bytes);
    c.shut_sending();
    auto answer = c.receive_all();
    if (contains(answer, "100 Continue"))
      answer.erase(0, answer.find("\r\n\r\n") + 4);
    const bool is_idle = e.bytes.empty();
    const auto status = e.status == 0 ? "400" : std::to_string(e.status); // cut short
    CHECK((is_idle ? answer.empty() : starts_with(answer, "HTTP/1.1 " + status + " ")));
  }
}

TEST_CASE("a body over the limit is refused before it is read, and the answer arrives") {
  auto options = local();
  options.max_body_bytes = 1000;
  server s(options, echo);
  raw_client c(s.port());
  std::string rest(8 << 20, 'x');
  std::thread sender([&] {
    c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
    c.send(rest);
  });
  sender.join(); // all of it can be sent: the server reads on for a while
  CHECK(starts_with(c.receive_all(), "HTTP/1.1 413 "));
  CHECK_FALSE(c.was_reset());
}

TEST_CASE("a body up to the limit is read, whole or in chunks") {
  auto options = local();
  options.max_body_bytes = 300000;
  server s(options, echo);
  raw_client c(s.port());
  const std::string body(300000, 'x');
  c.send(post("/", body));
  CHECK(contains(c.receive_response(), body));
  c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n" + body +
         "\r\n0\r\n\r\n");
  CHECK(contains(c.receive_response(), body));
}

TEST_CASE("a client that expects it is told to continue, unless it is refused") {
  server s(local(), echo);
  raw_client c(s.port());
  c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(c.receive_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  c.send("hello");
  CHECK(contains(c.receive_response(), "POST / hello"));
  c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(starts_with(c.receive_response(), "HTTP/1.1 200 ")); // the body is there already
  c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
  CHECK(starts_with(c.receive_all(), "HTTP/1.1 413 "));
  raw_client d(s.port());
  d.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 5\r\n\r\n");
  CHECK(starts_with(d.receive_all(), "HTTP/1.1 417 "));
}

TEST_CASE("a request that does not arrive in time is answered with 408") {
  auto options = local();
  options.request_timeout = 200ms;
  server s(options, echo);
  for (const std::string bytes : {"G", "GET / HTTP/1.1\r\nHost: a\r\n",
                                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"}) {
    raw_client c(s.port());
    c.send(bytes);
    CHECK(starts_with(c.receive_all(), "HTTP/1.1 408 "));
    CHECK_FALSE(c.was_reset());
  }
}

TEST_CASE("a client that drips bytes does not win time") {
  auto options = local();
  options.request_timeout = 300ms;
  server s(options, echo);
  raw_client c(s.port());
  std::atomic<bool> answered{false};
  std::thread dripper([&] {
    c.send("GET / HTTP/1.1\r\nX: ");
    while (!answered) {
      c.send("a");
      std::this_thread::sleep_for(20ms);
    }
  });
  CHECK(starts_with(c.receive_until("\r\n"), "HTTP/1.1 408 "));
  answered = true;
  dripper.join();
}

TEST_CASE("an idle connection is closed without a word") {
  auto options = local();
  options.keep_alive_timeout = 200ms;
  server s(options, echo);
  raw_client fresh(s.port());
  raw_client used(s.port());
  used.send(get("/"));
  used.receive_response();
  CHECK(fresh.receive_all().empty());
  CHECK(used.receive_all().empty());
  CHECK_FALSE(used.timed_out());
  CHECK(eventually([&] { return s.connections() == 0; }));
}

TEST_CASE("a client that ends in the middle of a request is told so") {
  server s(local(), echo);
  raw_client c(s.port());
  c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  c.shut_sending();
  CHECK(starts_with(c.receive_all(), "HTTP/1.1 400 "));
}

TEST_CASE("HTTP/1.0 closes behind the answer unless the client asks to keep the connection") {
  server s(local(), echo);
  raw_client c(s.port());
  c.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(contains(c.receive_response(), "\r\nConnection: keep-alive\r\n"));
  c.send("GET /b HTTP/1.0\r\n\r\n");
  CHECK(contains(c.receive_all(), "\r\nConnection: close\r\n"));
  CHECK_FALSE(c.timed_out());
}

TEST_CASE("a connection is closed when either side says so") {
  server s(local(), [](request r, auto e) {
    auto answer = text("x");
    answer.close = r.path == "/close";
    e->respond(std::move(answer));
  });
  raw_client asks(s.port());
  asks.send(get("/", "Connection: close\r\n") + get("/"));
  CHECK(count_of(asks.receive_all(), "HTTP/1.1 200") == 1);
  raw_client told(s.port());
  told.send(get("/close") + get("/"));
  CHECK(count_of(told.receive_all(), "HTTP/1.1 200") == 1);
}

TEST_CASE("connections over the limit get a 503 and do not wait") {
  auto options = local();
  options.max_connections = 2;
  server s(options, echo);
  raw_client first(s.port());
  raw_client second(s.port());
  first.send(get("/"));
  first.receive_response();
  second.send(get("/"));
  second.receive_response();
  raw_client third(s.port());
  third.send(get("/"));
  const auto answer = third.receive_all();
  CHECK(starts_with(answer, "HTTP/1.1 503 "));
  CHECK(contains(answer, R"("code":"overloaded")"));
  CHECK(contains(answer, "\r\nRetry-After: "));
  CHECK(s.connections() == 2);
  first.reset();
  REQUIRE(eventually([&] { return s.connections() == 1; }));
  raw_client fourth(s.port());
  fourth.send(get("/"));
  CHECK(starts_with(fourth.receive_response(), "HTTP/1.1 200 "));
}

TEST_CASE("a server that ran out of descriptors accepts again when there are some") {
  server s(local(), echo);
  raw_client first(s.port());
  first.send(get("/"));
  first.receive_response();
  const int free_descriptor = ::dup(0);
  ::close(free_descriptor);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit one_more{static_cast<rlim_t>(free_descriptor) + 1, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &one_more) == 0);
  raw_client waiting(s.port());
  waiting.send(get("/"));
  std::this_thread::sleep_for(500ms); // accepts fail meanwhile
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(starts_with(waiting.receive_response(), "HTTP/1.1 200 "));
  raw_client next(s.port());
  next.send(get("/"));
  CHECK(starts_with(next.receive_response(), "HTTP/1.1 200 "));
}

TEST_CASE("requests and connections are counted") {
  shelf held;
  server s(local(), [&held](request, auto e) { held.put(e); });
  {
    raw_client c(s.port());
    c.send(get("/"));
    const auto e = held.take();
    CHECK(s.in_flight() == 1);
    CHECK(s.connections() == 1);
    e->respond(text("x"));
    c.receive_response();
    CHECK(eventually([&] { return s.in_flight() == 0; }));
    CHECK(s.connections() == 1);
  }
  CHECK(eventually([&] { return s.connections() == 0; }));
}

TEST_CASE("several threads share one port") {
  server s(local(2), echo);
  std::vector<std::thread> clients;
  std::atomic<int> answers{0};
  for (int i = 0; i < 20; ++i)
    clients.emplace_back([&] {
      raw_client c(s.port());
      for (int n = 0; n < 20; ++n) {
        c.send(get("/"));
        answers += starts_with(c.receive_response(), "HTTP/1.1 200 ");
      }
    });
  for (auto& c : clients)
    c.join();
  CHECK(answers == 400);
}

TEST_CASE("a port in use is an error of one line") {
  for (const int threads : {1, 2}) {
    server first(local(threads), echo);
    auto options = local(threads);
    options.port = first.port();
    std::string message;
    try {
      server second(options, echo);
    } catch (const std::runtime_error& e) {
      message = e.what();
    }
    CHECK(contains(message, "127.0.0.1:" + std::to_string(first.port())));
  }
}

TEST_CASE("draining finishes what is under way and closes the rest") {
  shelf held;
  server s(local(2), [&held](request, auto e) { held.put(e); });
  raw_client idle(s.port());
  idle.send(get("/"));
  held.take()->respond(text("first"));
  CHECK(contains(idle.receive_until("first"), "200"));
  raw_client busy(s.port());
  busy.send(get("/"));
  const auto e = held.take();
  REQUIRE(eventually([&] { return s.connections() == 2 && s.in_flight() == 1; }));
  s.drain();
  CHECK(idle.receive_all().empty());
  CHECK_FALSE(idle.timed_out());
  CHECK(s.in_flight() == 1);
  CHECK(eventually([&] { return !raw_client(s.port()).connected(); }));
  e->respond(text("x"));
  const auto answer = busy.receive_all();
  CHECK(starts_with(answer, "HTTP/1.1 200 "));
  CHECK(contains(answer, "\r\nConnection: close\r\n"));
  CHECK(eventually([&] { return s.in_flight() == 0; }));
}

TEST_CASE("who connected before a drain may still ask") {
  server s(local(1), [](request, const auto& e) { e->respond(text("x")); });
  raw_client fresh(s.port());
  REQUIRE(eventually([&] { return s.connections() == 1; }));
  s.drain();
  CHECK(eventually([&] { return !raw_client(s.port()).connected(); }));
  fresh.send(get("/"));
  const auto answer = fresh.receive_all();
  CHECK(starts_with(answer, "HTTP/1.1 200 "));
  CHECK(contains(answer, "\r\nConnection: close\r\n"));
}

TEST_CASE("before a drain every answer can be the last of its connection") {
  server s(local(1), [](request, const auto& e) { e->respond(text("x")); });
  s.close_behind_answers();
  for (int i = 0; i < 3; ++i) {
    raw_client c(s.port());
    c.send(get("/"));
    const auto answer = c.receive_all();
    CHECK(starts_with(answer, "HTTP/1.1 200 "));
    CHECK(contains(answer, "\r\nConnection: close\r\n"));
  }
}

TEST_CASE("a request that is refused early costs no exchange and leaves the connection open") {
  std::atomic<int> exchanges{0};
  server s(
      local(1),
      [&](request, const auto& e) {
        ++exchanges;
        e->respond(text("served"));
      },
      [](const request& r) -> std::optional<response> {
        if (r.path != "/full")
          return std::nullopt;
        response refused = text("refused");
        refused.status = 503;
        return refused;
      });
  raw_client c(s.port());
  c.send(get("/full") + get("/full") + get("/") + get("/full") + get("/"));
  std::string all;
  for (int i = 0; i < 3; ++i)
    all += c.receive_until("refused");
  all += c.receive_until("served");
  CHECK(exchanges == 2);
  CHECK(all.find("refused") < all.find("served"));
}

TEST_CASE("stopping cuts whoever is there and does not wait for them") {
  shelf held;
  std::atomic<int> gone{0};
  auto s = std::make_unique<server>(local(2), [&](request, const std::shared_ptr<exchange>& e) {
    e->watch(exchange::half_close::gets_its_answer, [&gone] { ++gone; });
    held.put(e);
  });
  raw_client idle(s->port());
  raw_client half(s->port());
  half.send("GET / HT");
  raw_client busy(s->port());
  busy.send(get("/"));
  raw_client streaming(s->port());
  const auto unanswered = held.take();
  streaming.send(get("/"));
  const auto e = held.take();
  const auto stream = e->start_stream(200, {});
  stream->write("x", {});
  REQUIRE(contains(streaming.receive_until("x"), "x"));
  s->stop();
  s->stop();
  CHECK(gone == 2);
  s.reset();
  // What a handler still holds outlives the server.
  unanswered->respond(text("x"));
  stream->write("y", {});
  stream->finish();
  CHECK(stream->buffered_bytes() == 0);
}
