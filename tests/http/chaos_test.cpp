#include "http/server.hpp"
#include "tests/catch.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/request_examples.hpp"
#include "tests/http/shelf.hpp"

#include <atomic>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace ares::http;
using namespace ares::test;
using namespace std::chrono_literals;

namespace {

/// Does with an exchange one of the things that handlers do.
void handle(unsigned choice, std::shared_ptr<exchange> e) {
  if (choice % 2 == 0)
    e->watch(choice % 4 == 0 ? exchange::half_close::means_gone
                             : exchange::half_close::gets_its_answer,
             [] {});
  switch (choice % 7) {
  case 0: return;
  case 1: throw std::runtime_error("chaos");
  case 2: return e->respond(text(std::string(choice % 100000, 'x')));
  default: break;
  }
  const auto s = e->start_stream(200, {});
  for (unsigned i = 0; i < choice % 20; ++i)
    s->write(std::string(choice % 5000, 'x'), [](bool) {});
  if (choice % 3 != 0)
    s->finish();
}

void be_a_client(std::uint16_t port, unsigned choice, const std::vector<example>& examples) {
  raw_client c(port, choice % 5 == 0 ? 4096 : 0);
  for (unsigned i = 0; i <= choice % 4; ++i)
    c.send(choice % 3 == 0 ? examples[(choice + i) % examples.size()].bytes : get("/"));
  if (choice % 6 < 2)
    c.shut_sending();
  if (choice % 6 > 2)
    c.receive();
  if (choice % 6 == 4)
    c.reset();
}

} // namespace

TEST_CASE("whatever clients and handlers do, in the end nothing is left open") {
  auto options = local(2);
  options.max_body_bytes = example_body_bytes_max;
  options.max_connections = 30;
  options.request_timeout = 300ms;
  options.keep_alive_timeout = 300ms;
  options.write_stall_max = 300ms;
  std::atomic<unsigned> requests{0};
  shelf held;
  std::atomic<bool> done{false};
  std::thread worker([&] { // answers from another thread
    for (std::mt19937 random(1); !done;) {
      auto e = held.try_take();
      if (!e) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      try {
        handle(static_cast<unsigned>(random()), std::move(e));
      } catch (const std::runtime_error&) {
      }
    }
  });
  server s(options, [&](request, std::shared_ptr<exchange> e) {
    const unsigned number = ++requests;
    if (number % 2 == 0)
      held.put(std::move(e));
    else
      handle(number * 7919, std::move(e));
  });
  const auto examples = all_examples();
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < 6; ++seed)
    clients.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 150; ++i)
        be_a_client(s.port(), static_cast<unsigned>(random()), examples);
    });
  for (auto& c : clients)
    c.join();
  CHECK(eventually([&] { return s.connections() == 0; }));
  CHECK(eventually([&] { return s.in_flight() == 0; }));
  raw_client well(s.port());
  well.send(get("/"));
  CHECK(starts_with(well.receive_until("\r\n"), "HTTP/1.1 "));
  done = true;
  worker.join();
}
