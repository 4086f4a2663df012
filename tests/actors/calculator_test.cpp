#include "actors/tools/tool.hpp"
#include "tests/catch.hpp"

using namespace ares;

namespace {

std::string calculate(const std::string& expression) {
  return execute_tool({"call_1", "calculator", json{{"expression", expression}}.dump()});
}
bool refuses(const std::string& expression) {
  return json::parse(calculate(expression)).contains("error");
}

} // namespace

TEST_CASE("the calculator gives whole results as whole numbers") {
  CHECK(calculate("6*7") == R"({"result": 42})");
  CHECK(calculate("-0") == R"({"result": 0})");
  CHECK(calculate("2^53") == R"({"result": 9007199254740992})");
  CHECK(calculate(" ( 1 + 2 ) * 3\n") == R"({"result": 9})");
}

TEST_CASE("the calculator gives fractions with every digit") {
  CHECK(calculate("0.1+0.2") == R"({"result": 0.30000000000000004})");
  CHECK(json::parse(calculate("1/3"))["result"].get<double>() == 1.0 / 3);
  CHECK(json::parse(calculate("2^60"))["result"].get<double>() == 0x1p60);
}

TEST_CASE("the calculator knows its functions and constants") {
  CHECK(json::parse(calculate("sqrt(2)*cos(pi)"))["result"].get<double>() ==
        Approx(-1.41421356237));
  CHECK(json::parse(calculate("ln(e)"))["result"].get<double>() == Approx(1));
  CHECK(calculate("max(1,5,3)") == R"({"result": 5})");
  CHECK(calculate("2 > 1 ? 10 : 20") == R"({"result": 10})");
}

TEST_CASE("the calculator answers what it cannot evaluate with an error") {
  for (const char* expression :
       {"", " ", "1/0", "sqrt(-1)", "x+1", "x=5", "pi=3", "1,2", "2+", "(1", "1)", "\"abc\"",
        "foo(1)", "1 2", "10^400", "\xC3\xA4", "\x01"}) {
    INFO(expression);
    CHECK(refuses(expression));
  }
}

TEST_CASE("the calculator bounds length and nesting") {
  CHECK(refuses(std::string(1001, '1')));
  CHECK(refuses(std::string(51, '(') + "1" + std::string(51, ')')));
  CHECK(calculate(std::string(50, '(') + "1" + std::string(50, ')')) == R"({"result": 1})");
}

TEST_CASE("no text of the calculator's alphabet breaks it") {
  const std::string alphabet = "0123456789.+-*/^()?:,=<>&|!episqrt \"_";
  std::uint32_t state = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string expression;
    for (int i = 0; i < 12; ++i) {
      state = state * 1664525u + 1013904223u;
      expression += alphabet[(state >> 16) % alphabet.size()];
    }
    const auto answer = json::parse(calculate(expression), nullptr, false);
    if (!answer.is_object() || answer.size() != 1)
      FAIL(expression);
  }
}
