#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/shelf.hpp"
#include "tests/http/tls_client.hpp"
#include "tests/self_signed.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace ares::http;
using namespace ares::test;
using namespace std::chrono_literals;

namespace {

ares::tls_context context_of(const ares::self_signed& certificate) {
  auto loaded = ares::load_tls_context(certificate.pem_file(), certificate.key_file());
  REQUIRE(std::holds_alternative<ares::tls_context>(loaded));
  return std::get<ares::tls_context>(loaded);
}

server_options secured(const ares::self_signed& certificate) {
  auto options = local();
  options.tls = context_of(certificate);
  return options;
}

void echo(request r, const std::shared_ptr<exchange>& e) {
  if (r.refused)
    return e->respond(text(r.refused->message, r.refused->status));
  e->respond(text(r.method + " " + r.path + " " + r.body));
}

/// A server behind TLS whose exchanges the test answers.
struct tls_desk {
  explicit tls_desk(exchange::half_close meaning = exchange::half_close::gets_its_answer)
      : certificate("IP:127.0.0.1"),
        s(secured(certificate), [this, meaning](request, const std::shared_ptr<exchange>& e) {
          e->watch(meaning, [this] { ++gone; });
          held.put(e);
        }) {}

  ares::self_signed certificate;
  std::atomic<int> gone{0};
  shelf held;
  server s;
};

} // namespace

TEST_CASE("TLS 1.2 and 1.3 are spoken, what is older is refused with an alert") {
  const ares::self_signed certificate("IP:127.0.0.1");
  server s(secured(certificate), echo);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client c(s.port(), {version, version, {"h2", "http/1.1"}, certificate.pem_file()});
    REQUIRE(c.connected());
    CHECK(c.protocol() == "http/1.1");
    c.send(post("/x", "body"));
    CHECK(contains(c.receive_response(), "POST /x body"));
    c.send(get("/y", "Connection: close\r\n"));
    CHECK(contains(c.receive_all(), "GET /y "));
    CHECK(c.was_closed_well());
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    tls_client c(s.port(), {version, version});
    CHECK_FALSE(c.connected());
    CHECK(contains(c.failure(), "alert protocol version"));
  }
  CHECK(eventually([&] { return s.connections() == 0; }));
}

TEST_CASE("a client that cannot speak HTTP/1 is refused in the handshake") {
  const ares::self_signed certificate("IP:127.0.0.1");
  server s(secured(certificate), echo);
  CHECK_FALSE(tls_client(s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {"h2"}}).connected());
  CHECK(tls_client(s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {}}).connected());
}

TEST_CASE("plain HTTP to a TLS port is told so, and nothing of it is executed") {
  const ares::self_signed certificate("IP:127.0.0.1");
  std::atomic<int> executed{0};
  server s(secured(certificate), [&](request r, auto e) {
    executed += r.refused ? 0 : 1;
    echo(std::move(r), e);
  });
  for (const auto& bytes : {get("/"), post("/x", std::string(100000, 'x')), std::string("G"),
                            std::string("\r\n\r\n"), std::string(1000, '\0')}) {
    raw_client c(s.port());
    c.send(bytes);
    const auto answer = c.receive_all();
    CHECK(starts_with(answer, "HTTP/1.1 400 "));
    CHECK(contains(answer, "\r\nConnection: close\r\n"));
    CHECK(contains(answer, "https://"));
  }
  CHECK(executed == 0);
}

TEST_CASE("a handshake that does not end in time, or is garbage, ends the connection") {
  const ares::self_signed certificate("IP:127.0.0.1");
  auto options = secured(certificate);
  options.handshake_timeout = 200ms;
  server s(options, echo);
  for (const std::string& bytes :
       {std::string(), std::string("\x16"), std::string("\x16\x03\x01\x02\x00\x01\x00", 7),
        '\x16' + std::string(5000, '\xff')}) {
    raw_client c(s.port());
    c.send(bytes);
    CHECK_FALSE(contains(c.receive_all(), "HTTP/1.1 "));
    CHECK_FALSE(c.timed_out());
  }
  raw_client dripping(s.port());
  CHECK(eventually([&] {
    dripping.send("\x16");
    return s.connections() == 0;
  }));
}

TEST_CASE("renegotiation is refused") {
  const ares::self_signed certificate("IP:127.0.0.1");
  server s(secured(certificate), echo);
  tls_client c(s.port(), {TLS1_2_VERSION, TLS1_2_VERSION});
  REQUIRE(c.connected());
  CHECK_FALSE(c.renegotiate());
}

TEST_CASE("pipelined requests in one record are all answered, in order") {
  const ares::self_signed certificate("IP:127.0.0.1");
  server s(secured(certificate), echo);
  tls_client c(s.port());
  std::string requests;
  for (int i = 0; i < 200; ++i)
    requests += i % 3 ? get("/" + std::to_string(i)) : post("/" + std::to_string(i), "b");
  c.send(requests);
  for (int i = 0; i < 200; ++i)
    CHECK(contains(c.receive_response(), " /" + std::to_string(i) + " "));
}

TEST_CASE("large bodies and answers pass through TLS whole") {
  const ares::self_signed certificate("IP:127.0.0.1");
  server s(secured(certificate), echo);
  tls_client c(s.port());
  for (const std::size_t size : {16383u, 16384u, 16385u, 1000000u}) {
    const std::string body(size, 'x');
    c.send(post("/", body));
    CHECK(contains(c.receive_response(), body));
  }
  c.send("POST /z HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(contains(c.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n"));
  c.send("ok");
  CHECK(contains(c.receive_response(), "POST /z ok"));
  c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n" + std::string(50000, 'x'));
  CHECK(starts_with(c.receive_response(), "HTTP/1.1 413 "));
}

TEST_CASE("each piece of a stream is one TLS record") {
  tls_desk desk;
  tls_client c(desk.s.port(), {TLS1_2_VERSION, TLS1_2_VERSION});
  c.send(get("/"));
  auto out = desk.held.take()->start_stream(200, {});
  out->write("data: 0\n\n", {});
  CHECK(contains(c.receive_until("data: 0\n\n\r\n"), "Transfer-Encoding: chunked"));
  for (int i = 1; i < 20; ++i) {
    const auto before = c.records();
    const auto piece = "data: " + std::string(100 * i, 'x') + std::to_string(i) + "\n\n";
    out->write(piece, {});
    CHECK(contains(c.receive_until(piece + "\r\n"), piece));
    CHECK(c.records() == before + 1);
  }
  out->finish();
  CHECK(contains(c.receive_until("0\r\n\r\n"), "0\r\n\r\n"));
}

TEST_CASE("a stream that is cut ends without the final chunk") {
  tls_desk desk;
  tls_client c(desk.s.port());
  c.send(get("/"));
  desk.held.take()->start_stream(200, {})->write("part", {});
  CHECK_FALSE(contains(c.receive_all(), "0\r\n\r\n"));
}

TEST_CASE("a close_notify or a FIN is the end of the client's side, as the handler takes it") {
  for (const bool by_notice : {true, false}) {
    const auto leave = [by_notice](tls_client& c) {
      by_notice ? c.send_close_notify() : c.shut_sending();
    };
    {
      tls_desk desk(exchange::half_close::means_gone);
      tls_client c(desk.s.port());
      c.send(get("/"));
      const auto e = desk.held.take();
      leave(c);
      CHECK(eventually([&] { return desk.gone == 1; }));
      CHECK(eventually([&] { return desk.s.connections() == 0; }));
    }
    tls_desk desk;
    tls_client c(desk.s.port());
    c.send(get("/"));
    const auto e = desk.held.take();
    leave(c);
    std::this_thread::sleep_for(300ms);
    e->respond(text("answered"));
    CHECK(contains(c.receive_response(), "answered"));
    CHECK(eventually([&] { return desk.s.connections() == 0; }));
    CHECK(desk.gone == 0);
  }
}

TEST_CASE("a reset is noticed through TLS") {
  tls_desk desk;
  tls_client c(desk.s.port());
  c.send(get("/") + get("/"));
  const auto e = desk.held.take();
  c.reset();
  CHECK(eventually([&] { return desk.gone == 1; }));
}

TEST_CASE("a TLS client that takes no byte of a stream is cut, and the stream stays bounded") {
  const ares::self_signed certificate("IP:127.0.0.1");
  auto options = secured(certificate);
  options.write_stall_max = 300ms;
  shelf held;
  std::atomic<int> gone{0};
  server s(options, [&](request, const std::shared_ptr<exchange>& e) {
    e->watch(exchange::half_close::means_gone, [&] { ++gone; });
    held.put(e);
  });
  tls_client c(s.port(), {TLS1_3_VERSION, TLS1_3_VERSION, {}, "", 4096});
  c.send(get("/"));
  auto out = held.take()->start_stream(200, {});
  std::atomic<std::size_t> taken{0};
  for (int i = 0; i < 100; ++i)
    out->write(std::string(10000, 'x'), [&](bool sent) { taken += sent ? 1 : 0; });
  CHECK(eventually([&] { return gone == 1; }));
  CHECK(taken < 50);
  CHECK(eventually([&] { return s.connections() == 0 && out->buffered_bytes() == 0; }));
}

TEST_CASE("a TLS client that reads again after a pause misses nothing") {
  tls_desk desk;
  tls_client c(desk.s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {}, "", 4096});
  c.send(get("/"));
  desk.held.take()->respond(text(std::string(3000000, 'y')));
  std::this_thread::sleep_for(500ms);
  CHECK(contains(c.receive_response(), std::string(3000000, 'y')));
}

TEST_CASE("an idle TLS connection is closed with a close_notify") {
  const ares::self_signed certificate("IP:127.0.0.1");
  auto options = secured(certificate);
  options.keep_alive_timeout = 200ms;
  server s(options, echo);
  tls_client c(s.port());
  CHECK(c.receive_all().empty());
  CHECK(c.was_closed_well());
}

TEST_CASE("new connections get a renewed certificate, those there are stay") {
  const ares::self_signed first("IP:127.0.0.1"), second("IP:127.0.0.1");
  server s(secured(first), echo);
  tls_client before(s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {}, first.pem_file()});
  s.renew_tls(context_of(second));
  CHECK(tls_client(s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {}, second.pem_file()}).connected());
  CHECK_FALSE(
      tls_client(s.port(), {TLS1_2_VERSION, TLS1_3_VERSION, {}, first.pem_file()}).connected());
  before.send(get("/still"));
  CHECK(contains(before.receive_response(), "/still"));
}

TEST_CASE("a server behind TLS drains and stops with clients in every state") {
  tls_desk desk(exchange::half_close::means_gone);
  raw_client silent(desk.s.port());
  tls_client idle(desk.s.port()), asking(desk.s.port());
  asking.send(get("/"));
  const auto e = desk.held.take();
  desk.s.drain();
  CHECK(idle.receive_all().empty());
  CHECK(idle.was_closed_well());
  e->respond(text("answered"));
  CHECK(contains(asking.receive_all(), "Connection: close\r\n"));
  CHECK(asking.was_closed_well());
  desk.s.stop();
  silent.receive_all();
  CHECK_FALSE(silent.timed_out());
}
