#include "conf/json.hpp"
#include "conf/log.hpp"
#include "tests/catch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace ares;
using namespace std::string_literals;

namespace {

/// What `writing` writes to standard error.
std::string captured(const std::function<void()>& writing) {
  std::FILE* const file = std::tmpfile();
  const int kept = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  writing();
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::string out(1 << 20, '\0');
  std::rewind(file);
  out.resize(std::fread(out.data(), 1, out.size(), file));
  std::fclose(file);
  return out;
}

/// One line as text, without its time.
std::string text_of(std::string_view event, std::initializer_list<log::field> fields) {
  log::configure(log::level::debug, log::format::text);
  const auto line = captured([&] { log::warn(event, fields); });
  REQUIRE(line.size() > 21);
  REQUIRE(line.back() == '\n');
  REQUIRE(line.find('\n') == line.size() - 1);
  return line.substr(21, line.size() - 22);
}

json json_of(std::string_view event, std::initializer_list<log::field> fields) {
  log::configure(log::level::debug, log::format::json);
  const auto line = captured([&] { log::warn(event, fields); });
  REQUIRE(line.find('\n') == line.size() - 1);
  const auto value = parse_json(line);
  REQUIRE(value);
  return *value;
}

} // namespace

TEST_CASE("a text line has time, level, event and fields") {
  log::configure(log::level::info, log::format::text);
  const auto line = captured([] { log::info("node started", {{"port", "3000"}}); });
  CHECK(line.substr(4, 1) == "-");
  CHECK(line.substr(10, 1) == "T");
  CHECK(line.substr(19) == "Z info node started port=3000\n");
}

TEST_CASE("no value forges a line or a field") {
  CHECK(text_of("event", {{"a", "x\nforged"}}) == R"(warn event a="x\nforged")");
  CHECK(text_of("event", {{"a", "x b=y"}}) == R"(warn event a="x b=y")");
  CHECK(text_of("event", {{"a", "x=y"}}) == R"(warn event a="x=y")");
  CHECK(text_of("event", {{"a", "say \"hi\""}}) == R"(warn event a="say \"hi\"")");
  CHECK(text_of("event", {{"a", ""}}) == R"(warn event a="")");
  CHECK(text_of("a\r\nb", {}) == R"(warn "a\r\nb")");
}

TEST_CASE("no value reaches a terminal with anything but printable ASCII") {
  CHECK(text_of("event", {{"a", "\x1b[2J"}}) == R"(warn event a="\u001b[2J")");
  CHECK(text_of("event", {{"a", "\u009b\u202e\x7f"}}) == R"(warn event a="\u009b\u202e\u007f")");
  CHECK(text_of("event", {{"a", "\xff"}}) == R"(warn event a="\ufffd")");
  CHECK(text_of("event", {{"a", "\0"s}}) == R"(warn event a="\u0000")");
}

TEST_CASE("a JSON line holds the same, as strings") {
  const auto line = json_of("run \"ended\"", {{"run_id", "1"}, {"why", "a\nb\xff"}});
  CHECK(line["level"] == "warn");
  CHECK(line["event"] == "run \"ended\"");
  CHECK(line["run_id"] == "1");
  CHECK(line["why"] == "a\nb\ufffd");
  CHECK(line["time"].get<std::string>().size() == 20);
}

TEST_CASE("a value of any size is cut to its bound") {
  CHECK(text_of("event", {{"a", std::string(1 << 20, 'x')}}).size() < 5'000);
}

TEST_CASE("what is below the level is not written") {
  log::configure(log::level::warn, log::format::text);
  CHECK(captured([] {
          log::info("quiet");
          log::debug("quiet");
        }).empty());
  CHECK_FALSE(captured([] { log::error("loud"); }).empty());
}

TEST_CASE("lines of several threads do not mix") {
  log::configure(log::level::info, log::format::json);
  const auto lines = captured([] {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i)
          log::info("event", {{"text", "some text that is not short"}});
      });
  });
  std::size_t count = 0;
  for (std::size_t start = 0; start < lines.size(); ++count) {
    const auto end = lines.find('\n', start);
    REQUIRE(end != lines.npos);
    REQUIRE(check_json(std::string_view(lines).substr(start, end - start)));
    start = end + 1;
  }
  CHECK(count == 800);
}
