#include "store/scripts.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <stdexcept>

using namespace ares::store;

namespace {

/// Of `#!lua name=LIBRARY`.
std::string library_of(const std::string& text) {
  const auto begin = text.find('=') + 1;
  return text.substr(begin, text.find('\n') - begin);
}

} // namespace

TEST_CASE(
    "each embedded script is whole, found by its name, and has the SHA-1 that Redis gives it") {
  ares::tests::test_server server;
  ares::store_clock clock;
  redis_options options;
  options.url = server.url();
  redis connection(options, clock);
  for (const auto& script : scripts()) {
    CAPTURE(script.name);
    CHECK(script.text.find("--#include") == script.text.npos);
    CHECK(script.text.find("%version%") == script.text.npos);
    CHECK(&script_named(script.name) == &script);
    const bool is_function = !script.function.empty();
    const auto load = is_function
                          ? std::vector<std::string>{"FUNCTION", "LOAD", "REPLACE", script.text}
                          : std::vector<std::string>{"SCRIPT", "LOAD", script.text};
    const auto loaded = connection.call(
        {.run = nullptr, .keys = 0, .arguments = load, .deadline = std::chrono::seconds(20)});
    CHECK(loaded.value.text == (is_function ? library_of(script.text) : script.sha1));
  }
}

TEST_CASE("a script that does not exist is a bug") {
  CHECK_THROWS_AS(script_named("no such script"), std::logic_error);
}
