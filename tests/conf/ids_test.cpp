#include "conf/ids.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <set>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <vector>

using namespace ares;

static_assert(!std::is_convertible_v<tenant_id, agent_id>);

TEST_CASE("an id is a UUID of version 7 with the store's time in it") {
  id_generator ids([] { return std::int64_t{0x017F22E279B0}; });
  const auto text = ids.next().text();
  CHECK(text.size() == 36);
  CHECK(text.substr(0, 15) == "017f22e2-79b0-7");
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
  CHECK(ids.next().unix_ms() == 0x017F22E279B0);
}

TEST_CASE("an id survives the way through its text") {
  id_generator ids([] { return std::int64_t{1'700'000'000'000}; });
  for (int i = 0; i < 100; ++i) {
    const auto made = ids.make<tenant_id>();
    CHECK(tenant_id::parse(made.text()) == made);
  }
}

TEST_CASE("only the canonical text of a UUID is one") {
  CHECK(uuid::parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
  for (const auto* text :
       {"", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4_dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "017f22e27-9b0-7cc3-98c4-dc0c0c07398f"})
    CHECK_FALSE(uuid::parse(text));
}

TEST_CASE("ids increase while the clock stands still, steps back and runs out of counter") {
  std::int64_t now = 1'000;
  id_generator ids([&] { return now; });
  auto last = ids.next();
  const auto check_next = [&] {
    const auto next = ids.next();
    REQUIRE(last < next);
    REQUIRE(last.text() < next.text());
    last = next;
  };
  for (int i = 0; i < 10'000; ++i) // more than 4096: the counter carries into the milliseconds
    check_next();
  CHECK(last.unix_ms() == 1'002);
  now = 1;
  check_next();
  now = 5'000;
  check_next();
  CHECK(last.unix_ms() == 5'000);
}

TEST_CASE("the bits behind the counter are random") {
  id_generator ids([] { return std::int64_t{1}; });
  std::set<std::string> tails;
  for (int i = 0; i < 5'000; ++i)
    tails.insert(ids.next().text().substr(19));
  CHECK(tails.size() == 5'000);
}

TEST_CASE("ids of several threads are all different and increase for each of them") {
  id_generator ids([] { return std::int64_t{1'000}; });
  constexpr int threads = 4;
  constexpr int each = 5'000;
  std::vector<std::vector<uuid>> made(threads);
  {
    std::vector<std::jthread> running;
    for (auto& mine : made)
      running.emplace_back([&ids, &mine] {
        for (int i = 0; i < each; ++i)
          mine.push_back(ids.next());
      });
  }
  std::unordered_set<uuid> all;
  for (const auto& mine : made) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  CHECK(all.size() == threads * each);
}
