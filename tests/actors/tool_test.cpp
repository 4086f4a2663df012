#include "actors/json_schema.hpp"
#include "actors/tools/tool.hpp"
#include "tests/catch.hpp"

using namespace ares;

namespace {

std::string error_of(const tool_call& call) {
  return json::parse(execute_tool(call)).value("error", std::string());
}

} // namespace

TEST_CASE("tools are found by name and described with usable schemas") {
  CHECK(tool_names() == std::vector<std::string>{"calculator"});
  CHECK(find_tool("nothing") == nullptr);
  for (const auto& tool : tools()) {
    CHECK(find_tool(tool.description.name) == &tool);
    CHECK_FALSE(tool.description.description.empty());
    CHECK_FALSE(schema_defect(tool.description.parameters));
  }
}

TEST_CASE("what a model gets wrong in a call is an answer to the model") {
  CHECK(error_of({"1", "launch", "{}"}) == "There is no tool of this name");
  CHECK(error_of({"1", "calculator", "{\"expression\": \"1+"}) ==
        "The arguments are not a JSON object");
  CHECK(error_of({"1", "calculator", "[1]"}) == "The arguments are not a JSON object");
  CHECK(error_of({"1", "calculator", ""}).find("expression") != std::string::npos);
  CHECK(error_of({"1", "calculator", "{\"expression\": 5}"}) ==
        "The arguments do not fit: /expression: expected a string");
}

TEST_CASE("white space and further arguments do not matter to a tool") {
  CHECK(execute_tool({"1", "calculator", "\n{ \"expression\" :\n \"1+1\", \"why\": 1 }\n"}) ==
        "{\"result\": 2}");
}
