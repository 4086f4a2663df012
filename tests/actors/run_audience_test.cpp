#include "actors/run_audience.hpp"
#include "conf/json.hpp"
#include "conf/limits.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

std::string text_of(const std::string& event) {
  return json::parse(event)["delta"].get<std::string>();
}

std::string text_of(const test_client& c) {
  std::string all;
  for (const auto& e : c.events)
    all += text_of(e);
  return all;
}

struct room {
  run_audience audience{limits::stream_buffer_bytes_max};
  std::shared_ptr<test_client> enter() {
    auto c = std::make_shared<test_client>();
    audience.follow(c);
    return c;
  }
};

} // namespace

TEST_CASE("an event is one line of JSON in the order of the contract's example") {
  CHECK(delta_event("Based on") == R"({"delta": "Based on", "finish_reason": null})");
  CHECK(delta_event("a\n\"b\"") == R"({"delta": "a\n\"b\"", "finish_reason": null})");
}

TEST_CASE("a follower has one event under way; what is said meanwhile is its next") {
  room r;
  auto c = r.enter();
  r.audience.said("a");
  r.audience.said("b");
  r.audience.said("c");
  CHECK(c->events.size() == 1);
  r.audience.written(c->id());
  CHECK(c->events.size() == 2);
  CHECK(text_of(*c) == "abc");
  r.audience.written(c->id());
  CHECK(c->events.size() == 2);
}

TEST_CASE("a slow reader gets the last 256 KiB of what it missed, in whole characters") {
  room r;
  auto c = r.enter();
  const std::string piece = "\xF0\x9F\x98\x80"; // four bytes
  r.audience.said("x");
  for (std::size_t i = 0; i < limits::stream_buffer_bytes_max / 2; ++i)
    r.audience.said(piece);
  r.audience.written(c->id());
  REQUIRE(c->events.size() == 2);
  const auto text = text_of(c->events[1]);
  CHECK(text.size() <= limits::stream_buffer_bytes_max);
  CHECK(text.size() > limits::stream_buffer_bytes_max - 4);
  CHECK(text.starts_with(piece));
}

TEST_CASE("who comes late gets at most the last 256 KiB in one event") {
  room r;
  for (int i = 0; i < 2000; ++i)
    r.audience.said(std::string(1000, 'x'));
  auto c = r.enter();
  REQUIRE(c->events.size() == 1);
  CHECK(text_of(c->events[0]).size() == limits::stream_buffer_bytes_max);
  CHECK(r.audience.length() == 2000000);
}

TEST_CASE("a repeated attempt takes back what nobody was told") {
  room r;
  r.audience.said("before ");
  const auto length = r.audience.length();
  r.audience.said("failed");
  r.audience.rewind(length);
  r.audience.said("right");
  CHECK(text_of(*r.enter()) == "before right");
}

TEST_CASE("the end is what is left of the text, then the last event, for everyone") {
  room r;
  auto quick = r.enter(), slow = r.enter(), gone = r.enter();
  r.audience.said("a");
  r.audience.written(quick->id());
  r.audience.said("b");
  r.audience.left(gone->id());
  r.audience.end("{\"last\":true}");
  CHECK(quick->events ==
        std::vector<std::string>{delta_event("a"), delta_event("b"), "{\"last\":true}"});
  CHECK(slow->events == quick->events);
  CHECK(gone->events.size() == 1);
  CHECK_FALSE(gone->ended);
  CHECK((quick->ended && slow->ended && r.audience.empty()));
}

TEST_CASE("a comment goes to followers that have no event under way") {
  room r;
  auto idle = r.enter(), busy = r.enter();
  r.audience.said("a");
  r.audience.written(idle->id());
  r.audience.keep_alive();
  CHECK(idle->comments == 1);
  CHECK(busy->comments == 0);
}
