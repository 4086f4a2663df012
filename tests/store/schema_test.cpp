// The version of what stands in Redis.
#include "store/schema.hpp"
#include "tests/store/tenant_bench.hpp"

using namespace ares;
using namespace ares::tests;

TEST_CASE("an empty store gets the version, and is one's own from then on") {
  tenant_bench b;
  REQUIRE(check_schema(b.connection));
  CHECK(b.ask({"GET", keys::schema()}).text == std::to_string(schema_version));
  REQUIRE(check_schema(b.connection));
}

TEST_CASE("a store of another layout is refused in one line, and stays as it is") {
  tenant_bench b;
  const std::string other = GENERATE("1", "99");
  b.ask({"SET", keys::schema(), other});
  const auto checked = check_schema(b.connection);
  CHECK(refusal(checked) == errc::internal);
  CHECK(checked.failure().message.find("schema " + other) != std::string::npos);
  CHECK(checked.failure().message.find('\n') == std::string::npos);
  CHECK(b.all_keys() == std::set<std::string>{keys::schema()});
}

TEST_CASE("a store that does not answer is not taken for an old one") {
  tenant_bench b;
  b.server.suspend();
  CHECK(refusal(check_schema(b.connection)) == errc::store_unavailable);
  b.server.resume();
}
