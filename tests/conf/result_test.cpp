#include "conf/result.hpp"
#include "tests/catch.hpp"

#include <set>

using namespace ares;

TEST_CASE("a result is a value or an error") {
  const result<int> good = 3;
  const result<int> bad = error{errc::not_found, "No such run"};
  REQUIRE(good);
  CHECK(*good == 3);
  REQUIRE_FALSE(bad);
  CHECK(bad.failure().code == errc::not_found);
  CHECK(bad.failure().message == "No such run");
}

TEST_CASE("every error code has a name of its own in snake_case") {
  std::set<std::string> names;
  constexpr int last = static_cast<int>(errc::version_not_supported);
  for (int i = 0; i <= last; ++i) {
    const std::string name = to_string(static_cast<errc>(i));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    names.insert(name);
  }
  CHECK(names.size() == last + 1);
}
