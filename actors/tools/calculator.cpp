#include "actors/tools/calculator.hpp"

#include <muParser.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ares {
namespace {

constexpr std::size_t expression_bytes_max = 1000;
constexpr int nesting_max = 50;
constexpr double whole_max = 9007199254740992.0; // 2^53: whole numbers up to here are exact

std::string error_text(const std::string& what) {
  return R"({"error": )" + quote_json(what) + "}";
}

std::string result_text(double value) {
  const bool whole = std::trunc(value) == value && std::abs(value) <= whole_max;
  return R"({"result": )" +
         (whole ? std::to_string(static_cast<std::int64_t>(value)) : dump_json(value)) + "}";
}

/// Why an expression is not even tried; empty if it may be.
std::string refusal(const std::string& expression) {
  if (expression.size() > expression_bytes_max)
    return "The expression is longer than " + std::to_string(expression_bytes_max) + " characters";
  int depth = 0, deepest = 0;
  for (char c : expression) {
    if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
      return "The expression contains a control character";
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    deepest = std::max(deepest, depth);
  }
  if (deepest > nesting_max)
    return "The expression is nested too deeply";
  return {};
}

std::string evaluate(const std::string& expression) {
  mu::Parser parser; // its constants and functions are its own: nothing is shared between threads
  parser.DefineConst("pi", std::numbers::pi);
  parser.DefineConst("e", std::numbers::e);
  parser.SetExpr(expression);
  int results = 0;
  const double* values = parser.Eval(results);
  if (results != 1)
    return error_text("The expression must have exactly one result");
  if (!std::isfinite(values[0]))
    return error_text("The result is not a finite number");
  return result_text(values[0]);
}

std::string calculate(const json& arguments) {
  const auto& expression = arguments.at("expression").get_ref<const std::string&>();
  if (auto why = refusal(expression); !why.empty())
    return error_text(why);
  try {
    return evaluate(expression);
  } catch (const mu::Parser::exception_type& problem) {
    return error_text("The expression cannot be evaluated: " + problem.GetMsg());
  }
}

} // namespace

tool calculator_tool() {
  tool_description description;
  description.name = "calculator";
  description.description =
      "Evaluates one arithmetic expression exactly as written and returns {\"result\": number} or "
      "{\"error\": text}. Operators: + - * / ^ (power), comparisons, && ||, a ? b : c, "
      "parentheses. "
      "Functions: sqrt, cbrt, exp, ln, log2, log10, sin, cos, tan, asin, acos, atan, abs, sign, "
      "rint, "
      "min, max, sum, avg. Constants: pi, e. Numbers use a decimal point and no thousands "
      "separators; "
      "there are no variables, units or percent signs. Example: \"(15000 * 0.029 + 0.30) / 2\".";
  description.parameters = {
      {"type", "object"},
      {"properties",
       {{"expression",
         {{"type", "string"},
          {"description", "The expression, for example \"2 * (3 + 4) ^ 2\""}}}}},
      {"required", {"expression"}},
  };
  return {std::move(description), calculate};
}

} // namespace ares
