#include "store/redis.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>
#include <mutex>
#include <set>
#include <thread>

using namespace ares;
using namespace ares::store;
using namespace std::chrono_literals;
using ares::tests::ask_redis;
using ares::tests::test_server;

namespace {

/// Long enough for any machine; a test that meets it fails.
constexpr auto patience = 20s;

const script mirror{"mirror",
                    "#!lua name=mirrors\n"
                    "redis.register_function('mirror', function(keys, args)\n"
                    "  return args[1] .. keys[1]\n"
                    "end)",
                    "", "mirror"};
const script echo{"echo", "return ARGV[1]", "098e0f0d1448c0a81dafe820f66d460eb09263da"};
const script broken{"broken", "return redis.call('hget', KEYS[1])",
                    "727d86cf74b594947228c1c48707bc4b5c961fe5"};

template <class Condition> bool eventually(Condition c) {
  for (const auto end = monotonic::now() + patience; monotonic::now() < end;
       std::this_thread::sleep_for(1ms))
    if (c())
      return true;
  return false;
}

command plain(std::vector<std::string> arguments, std::chrono::milliseconds deadline = patience) {
  return {.run = nullptr, .keys = 0, .arguments = std::move(arguments), .deadline = deadline};
}

command echo_of(std::string text, std::chrono::milliseconds deadline = patience) {
  return {.run = &echo, .keys = 0, .arguments = {std::move(text)}, .deadline = deadline};
}

redis_options options_for(const test_server& server) {
  redis_options o;
  o.url = server.url();
  return o;
}

/// A connection that is ready.
struct connected {
  explicit connected(redis_options o) : connection(std::move(o), clock) {
    REQUIRE(eventually([&] { return connection.ready(); }));
  }
  explicit connected(const test_server& server) : connected(options_for(server)) {}
  store_clock clock;
  redis connection;
};

/// Counts answers by what they say.
struct tally {
  std::atomic<int> done = 0, unavailable = 0, full = 0, unknown = 0;
  redis::callback counter() {
    return [this](answer a) {
      switch (a.what) {
      case fate::done: ++done; break;
      case fate::unavailable: ++unavailable; break;
      case fate::full: ++full; break;
      case fate::unknown: ++unknown; break;
      }
    };
  }
  [[nodiscard]] int all() const { return done + unavailable + full + unknown; }
};

} // namespace

TEST_CASE("a Redis URL names a host or a socket, credentials and a database") {
  redis_address a;
  REQUIRE(parse_redis_url("redis://example.com", a));
  CHECK(a.host == "example.com");
  CHECK(a.port == 6379);
  CHECK(a.database == 0);
  REQUIRE(parse_redis_url("redis://user:p%40ss%3a@10.0.0.1:7000/3", a));
  CHECK(a.user == "user");
  CHECK(a.password == "p@ss:");
  CHECK(a.host == "10.0.0.1");
  CHECK(a.port == 7000);
  CHECK(a.database == 3);
  REQUIRE(parse_redis_url("redis://:secret@[::1]:6380/", a));
  CHECK(a.user.empty());
  CHECK(a.password == "secret");
  CHECK(a.host == "::1");
  CHECK(a.port == 6380);
  REQUIRE(parse_redis_url("unix:///run/redis.sock?db=2", a));
  CHECK(a.host.empty());
  CHECK(a.path == "/run/redis.sock");
  CHECK(a.database == 2);
  REQUIRE(parse_redis_url("unix:///a%3Fb/100%25.sock", a));
  CHECK(a.path == "/a?b/100%.sock");
}

TEST_CASE("a malformed Redis URL is refused and leaves the address alone") {
  const auto url = GENERATE(
      as<std::string>{}, "", "redis://", "http://example.com", "redis://h:0", "redis://h:65536",
      "redis://h:x", "redis://h/x", "redis://h/-1", "redis://user@h", "redis://user:@h",
      "redis://u:%zz@h", "redis://u:%4@h", "redis://[::1", "redis://h:1:2", "unix://", "unix:///",
      "unix://run/x", "unix:///a?db=", "unix:///a?x=1", "unix:///" + std::string(200, 'a'));
  redis_address a;
  a.host = "untouched";
  CAPTURE(url);
  CHECK_FALSE(parse_redis_url(url, a));
  CHECK(a.host == "untouched");
}

TEST_CASE("replies become trees") {
  test_server server;
  connected c(server);
  CHECK(c.connection.call(plain({"SET", "a", "1"})).value.text == "OK");
  const auto nil = c.connection.call(plain({"GET", "none"}));
  CHECK(nil.what == fate::done);
  CHECK(nil.value.type == reply::kind::nil);
  CHECK(c.connection.call(plain({"INCRBY", "a", "-6"})).value.integer == -5);
  const std::string bytes("\0\r\n$5", 5);
  CHECK(c.connection.call(plain({"ECHO", bytes})).value.text == bytes);
  CHECK(c.connection.call(plain({"ECHO", ""})).value.type == reply::kind::text);
  const auto tree = c.connection.call(plain({"EVAL", "return {1, {'x', {}}, false}", "0"})).value;
  REQUIRE(tree.type == reply::kind::array);
  REQUIRE(tree.items.size() == 3);
  CHECK(tree.items[0].integer == 1);
  CHECK(tree.items[1].items[0].text == "x");
  CHECK(tree.items[1].items[1].type == reply::kind::array);
  CHECK(tree.items[2].type == reply::kind::nil);
  const auto wrong = c.connection.call(plain({"LPUSH", "a", "1"}));
  CHECK(wrong.what == fate::done);
  CHECK(wrong.value.type == reply::kind::error);
  CHECK(wrong.value.text.starts_with("WRONGTYPE"));
}

TEST_CASE("answers come in the order of the commands, large ones included") {
  test_server server;
  connected c(server);
  REQUIRE(c.connection.call(echo_of("known")).what == fate::done);
  constexpr int count = 3000;
  std::vector<int> order;
  std::promise<void> finished;
  for (int i = 0; i < count; ++i) {
    auto text = std::to_string(i) + ":" + std::string(i % 100 == 0 ? 300000 : 10, 'x');
    c.connection.submit(echo_of(std::move(text)), [&, i](answer a) {
      if (a.what == fate::done && std::stoi(a.value.text) == i)
        order.push_back(i);
      if (i == count - 1)
        finished.set_value();
    });
  }
  REQUIRE(finished.get_future().wait_for(patience) == std::future_status::ready);
  REQUIRE(order.size() == count);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a script that Redis does not know is sent once more with its text") {
  test_server server;
  connected c(server);
  CHECK(c.connection.call(echo_of("one")).value.text == "one");
  REQUIRE(c.connection.call(plain({"SCRIPT", "EXISTS", echo.sha1})).value.items[0].integer == 1);
  CHECK(c.connection.call(plain({"SCRIPT", "FLUSH"})).value.text == "OK");
  tally t;
  for (int i = 0; i < 100; ++i)
    c.connection.submit(echo_of("x"), t.counter());
  REQUIRE(eventually([&] { return t.all() == 100; }));
  CHECK(t.done == 100);
}

TEST_CASE("a function that Redis does not know is called once more behind its library") {
  test_server server;
  connected c(server);
  tally t;
  for (int i = 0; i < 100; ++i)
    c.connection.submit({.run = &mirror, .keys = 1, .arguments = {"k", "x"}}, t.counter());
  REQUIRE(eventually([&] { return t.all() == 100; }));
  CHECK(t.done == 100);
  CHECK(c.connection.call({.run = &mirror, .keys = 1, .arguments = {"k", "x"}}).value.text == "xk");
  CHECK(c.connection.call(plain({"FUNCTION", "FLUSH"})).value.text == "OK");
  CHECK(c.connection.call({.run = &mirror, .keys = 1, .arguments = {"k", "y"}}).value.text == "yk");
}

TEST_CASE("a function whose library Redis does not take was certainly not executed") {
  test_server server;
  connected c(server);
  const script damaged{"damaged", "#!lua name=damaged\nthis is no Lua", "", "damaged"};
  CHECK(c.connection.call({.run = &damaged, .keys = 0, .arguments = {}}).what == fate::unavailable);
  CHECK(c.connection.call(echo_of("well")).value.text == "well");
}

TEST_CASE("a callback may submit, and is never run inside submit") {
  test_server server;
  connected c(server);
  std::promise<std::string> second;
  std::atomic<bool> inside = true;
  std::atomic<bool> too_early = false;
  const auto caller = std::this_thread::get_id();
  c.connection.submit(echo_of("1"), [&](answer) {
    too_early = std::this_thread::get_id() == caller;
    c.connection.submit(echo_of("2"), [&](answer a) { second.set_value(a.value.text); });
  });
  inside = false;
  CHECK(second.get_future().get() == "2");
  CHECK_FALSE(too_early);
}

TEST_CASE("a callback that throws harms nobody") {
  test_server server;
  connected c(server);
  c.connection.submit(echo_of("1"), [](answer) { throw std::runtime_error("no"); });
  CHECK(c.connection.call(echo_of("2")).value.text == "2");
}

TEST_CASE("an error inside a script is an answer") {
  test_server server;
  connected c(server);
  const auto a =
      c.connection.call({.run = &broken, .keys = 1, .arguments = {"k"}, .deadline = patience});
  CHECK(a.what == fate::done);
  CHECK(a.value.type == reply::kind::error);
}

TEST_CASE("commands submitted before the first connection are kept for it") {
  test_server server;
  store_clock clock;
  redis connection(options_for(server), clock);
  CHECK(connection.call(echo_of("early")).value.text == "early");
}

TEST_CASE("the clock learns the time of Redis before the connection is ready") {
  test_server server;
  store_clock clock;
  clock.learn(1000);
  redis connection(options_for(server), clock);
  REQUIRE(eventually([&] { return connection.ready(); }));
  CHECK(clock.now_ms() > 1'600'000'000'000);
}

TEST_CASE("credentials and the database of the URL are used") {
  const auto port = std::to_string(ares::tests::free_port());
  test_server server(
      {.append_only = false,
       .arguments = {"--port", port, "--bind", "127.0.0.1", "--requirepass", "s:t"}});
  redis_options o;
  SECTION("the password alone") {
    o.url = "redis://:s%3At@127.0.0.1:" + port + "/3";
  }
  SECTION("the user too") {
    o.url = "redis://default:s%3At@localhost:" + port + "/3";
  }
  connected c(o);
  const auto info = c.connection.call(plain({"CLIENT", "INFO"})).value.text;
  CHECK(info.find(" db=3 ") != info.npos);
}

TEST_CASE("wrong or missing credentials make commands unavailable") {
  const auto port = std::to_string(ares::tests::free_port());
  test_server server({.append_only = false,
                      .arguments = {"--port", port, "--bind", "127.0.0.1", "--requirepass", "s"}});
  redis_options o;
  SECTION("missing") {
    o.url = "redis://127.0.0.1:" + port;
  }
  SECTION("wrong") {
    o.url = "redis://:x@127.0.0.1:" + port;
  }
  SECTION("no such database") {
    o.url = "redis://:s@127.0.0.1:" + port + "/999";
  }
  store_clock clock;
  redis connection(o, clock);
  CHECK(connection.call(echo_of("x", 300ms)).what == fate::unavailable);
  CHECK_FALSE(connection.ready());
}

TEST_CASE("without a server commands are refused, and its coming is noticed") {
  test_server server;
  server.kill();
  store_clock clock;
  redis connection(options_for(server), clock);
  CHECK(connection.call(echo_of("x", 150ms)).what == fate::unavailable);
  CHECK(connection.call(echo_of("y")).what == fate::unavailable); // long before its deadline
  CHECK_FALSE(connection.ready());
  server.start();
  REQUIRE(eventually([&] { return connection.ready(); }));
  CHECK(connection.call(echo_of("z")).value.text == "z");
}

TEST_CASE("a malformed URL and one that leads nowhere make commands unavailable") {
  const auto url =
      GENERATE(as<std::string>{}, "nonsense", "redis://127.0.0.1:1", "unix:///does/not/exist.sock");
  store_clock clock;
  redis_options o;
  o.url = url;
  redis connection(o, clock);
  CHECK(connection.call(echo_of("x", 200ms)).what == fate::unavailable);
  CHECK_FALSE(connection.ready());
}

TEST_CASE("every change of readiness is told, the present one included") {
  test_server server;
  connected c(server);
  std::mutex mutex;
  std::vector<bool> told;
  c.connection.on_ready_change([&](bool r) {
    std::lock_guard lock(mutex);
    told.push_back(r);
  });
  const auto heard = [&](std::vector<bool> what) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return told == what;
    });
  };
  CHECK(heard({true}));
  server.kill();
  CHECK(heard({true, false}));
  server.start();
  CHECK(heard({true, false, true}));
}

TEST_CASE("a command that Redis executed is never unavailable, through kills and restarts") {
  test_server server({.append_only = true, .arguments = {}});
  connected c(server);
  std::mutex mutex;
  std::vector<std::pair<std::string, fate>> fates;
  std::atomic<bool> stop = false;
  std::atomic<int> submitted = 0;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      auto member = std::to_string(i);
      ++submitted;
      c.connection.submit(plain({"SADD", "set", member}, 450ms), [&, member](answer a) {
        std::lock_guard lock(mutex);
        fates.emplace_back(member, a.what);
      });
      if (i % 64 == 0)
        std::this_thread::sleep_for(200us);
    }
  });
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(60ms);
    server.kill();
    server.start();
    REQUIRE(eventually([&] { return c.connection.ready(); }));
  }
  stop = true;
  writer.join();
  REQUIRE(eventually([&] {
    std::lock_guard lock(mutex);
    return fates.size() == static_cast<std::size_t>(submitted);
  }));
  std::set<std::string> there;
  for (const auto& item : c.connection.call(plain({"SMEMBERS", "set"})).value.items)
    there.insert(item.text);
  int done_and_lost = 0, refused_and_there = 0;
  for (const auto& [member, what] : fates) {
    done_and_lost += what == fate::done && !there.contains(member);
    refused_and_there += what == fate::unavailable && there.contains(member);
  }
  CHECK(done_and_lost == 0);
  CHECK(refused_and_there == 0);
}

TEST_CASE("a Redis that stands still: deadlines hold, what was sent is unknown, what was not is "
          "unavailable") {
  test_server server;
  connected c(server);
  REQUIRE(c.connection.call(echo_of("known")).what == fate::done);
  server.suspend();
  tally sent;
  for (int i = 0; i < 100; ++i)
    c.connection.submit(plain({"INCR", "n"}, 100ms), sent.counter());
  REQUIRE(eventually([&] { return sent.all() == 100; }));
  CHECK(sent.unknown == 100);
  REQUIRE(eventually([&] { return !c.connection.ready(); }));
  CHECK(c.connection.call(echo_of("x", 200ms)).what == fate::unavailable);
  server.resume();
  REQUIRE(eventually([&] { return c.connection.ready(); }));
  // The late replies were swallowed in order: nobody gets another's answer.
  CHECK(c.connection.call(echo_of("mine")).value.text == "mine");
  CHECK(c.connection.call(plain({"GET", "n"})).value.text == "100");
}

TEST_CASE(
    "what does not fit into the socket of a Redis that stands still is unavailable, not unknown") {
  test_server server;
  connected c(server);
  server.suspend();
  tally t;
  for (int i = 0; i < 50; ++i)
    c.connection.submit(plain({"RPUSH", "list", std::string(300'000, 'x')}, 150ms), t.counter());
  REQUIRE(eventually([&] { return t.all() == 50; }));
  CHECK(t.unknown > 0);
  CHECK(t.unavailable > 0);
  server.resume();
  REQUIRE(eventually([&] { return c.connection.ready(); }));
  CHECK(c.connection.call(plain({"LLEN", "list"})).value.integer == t.unknown);
}

TEST_CASE("an idle connection to a Redis that stands still is not ready, and recovers") {
  test_server server;
  connected c(server);
  server.suspend();
  REQUIRE(eventually([&] { return !c.connection.ready(); }));
  server.resume();
  REQUIRE(eventually([&] { return c.connection.ready(); }));
}

TEST_CASE("silence beyond the bound cuts the connection") {
  test_server server;
  auto o = options_for(server);
  o.silence_max = 500ms;
  connected c(o);
  server.suspend();
  tally t;
  c.connection.submit(echo_of("x"), t.counter());
  REQUIRE(eventually([&] { return t.all() == 1; })); // long before its deadline
  CHECK(t.unknown == 1);
  server.resume();
  REQUIRE(eventually([&] { return c.connection.ready(); }));
  CHECK(c.connection.call(echo_of("y")).value.text == "y");
}

TEST_CASE("a Redis at its memory bound refuses writes as full and still reads") {
  test_server server({.append_only = false, .arguments = {"--maxmemory", "3mb"}});
  connected c(server);
  const script fill{
      "fill", "redis.call('rpush', KEYS[1], ARGV[1]) return redis.call('rpush', KEYS[1], ARGV[1])",
      "0000000000000000000000000000000000000000"};
  const std::string block(200'000, 'x');
  fate last = fate::done;
  for (int i = 0; i < 100 && last == fate::done; ++i)
    last = c.connection
               .call({.run = &fill, .keys = 1, .arguments = {"list", block}, .deadline = patience})
               .what;
  CHECK(last == fate::full);
  CHECK(c.connection.call(plain({"SET", "a", block})).what == fate::full);
  // Both halves of the script or none.
  CHECK(c.connection.call(plain({"LLEN", "list"})).value.integer % 2 == 0);
}

TEST_CASE("a replica that is read-only, or a disk that fails, makes writes unavailable") {
  test_server server;
  connected c(server);
  const script write{"write", "return redis.call('set', KEYS[1], 1)",
                     "0000000000000000000000000000000000000000"};
  const auto run = [&] {
    return c.connection.call({.run = &write, .keys = 1, .arguments = {"a"}, .deadline = patience});
  };
  SECTION("min-replicas-to-write") {
    CHECK(c.connection.call(plain({"CONFIG", "SET", "min-replicas-to-write", "1"})).what ==
          fate::done);
  }
  SECTION("replica") {
    CHECK(c.connection.call(plain({"REPLICAOF", "127.0.0.1", "1"})).what == fate::done);
  }
  SECTION("replica that serves nothing stale") {
    CHECK(c.connection.call(plain({"CONFIG", "SET", "replica-serve-stale-data", "no"})).what ==
          fate::done);
    CHECK(c.connection.call(plain({"REPLICAOF", "127.0.0.1", "1"})).what == fate::done);
  }
  const auto a = run();
  CAPTURE(a.value.text);
  CHECK(a.what == fate::unavailable);
}

TEST_CASE("above the bound of the queue commands are unavailable at once") {
  test_server server;
  auto o = options_for(server);
  o.queue_commands_max = 10;
  connected c(o);
  server.suspend();
  tally t;
  for (int i = 0; i < 50; ++i)
    c.connection.submit(echo_of("x"), t.counter());
  REQUIRE(eventually([&] { return t.all() == 40; }));
  CHECK(t.unavailable == 40);
  server.resume();
  REQUIRE(eventually([&] { return t.all() == 50; }));
  CHECK(t.done == 10);
  CHECK(c.connection.call(echo_of("room")).what == fate::done);
}

TEST_CASE("the bound of the queue in bytes holds too") {
  test_server server;
  auto o = options_for(server);
  o.queue_bytes_max = 1000;
  connected c(o);
  server.suspend();
  tally t;
  for (int i = 0; i < 5; ++i)
    c.connection.submit(echo_of(std::string(600, 'x')), t.counter());
  REQUIRE(eventually([&] { return t.all() == 3; }));
  CHECK(t.unavailable == 3);
  server.resume();
  REQUIRE(eventually([&] { return t.all() == 5; }));
  CHECK(t.done == 2);
}

TEST_CASE("eight threads submit, and each command is answered once") {
  test_server server;
  connected c(server);
  constexpr int threads = 8, each = 3000;
  std::vector<std::atomic<int>> answers(threads * each);
  std::atomic<int> wrong = 0, total = 0;
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      for (int i = t * each; i < (t + 1) * each; ++i)
        c.connection.submit(echo_of(std::to_string(i)), [&, i](answer a) {
          wrong += a.what != fate::done || a.value.text != std::to_string(i);
          ++answers[i];
          ++total;
        });
    });
  for (auto& t : pool)
    t.join();
  REQUIRE(eventually([&] { return total == threads * each; }));
  CHECK(wrong == 0);
  CHECK(std::all_of(answers.begin(), answers.end(), [](const auto& a) { return a == 1; }));
}

TEST_CASE("destruction under load answers everything once") {
  test_server server;
  tally t;
  std::atomic<int> submitted = 0;
  {
    connected c(server);
    std::vector<std::thread> pool;
    for (int i = 0; i < 4; ++i)
      pool.emplace_back([&] {
        for (int n = 0; n < 5000; ++n) {
          ++submitted;
          c.connection.submit(echo_of("x"), t.counter());
        }
      });
    for (auto& thread : pool)
      thread.join();
  }
  CHECK(t.all() == submitted);
}

TEST_CASE("what a callback submits during destruction is answered too") {
  test_server server;
  tally t;
  {
    connected c(server);
    server.suspend();
    c.connection.submit(echo_of("x"),
                        [&](answer) { c.connection.submit(echo_of("y"), t.counter()); });
  }
  CHECK(t.unavailable == 1);
}
