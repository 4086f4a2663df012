#include "actors/json_schema.hpp"
#include "tests/catch.hpp"

using namespace ares;

namespace {

std::string violation(const char* schema, const char* value) {
  return schema_violation(json::parse(schema), json::parse(value)).value_or("");
}
std::string defect(const char* schema) {
  return schema_defect(json::parse(schema)).value_or("");
}

const char* const risk = R"({"type":"object","required":["risk_score"],"properties":{
  "risk_score":{"type":"number","minimum":0,"maximum":1},
  "tags":{"type":"array","items":{"type":"string"}},
  "where":{"$ref":"#/$defs/place"}},
  "$defs":{"place":{"type":"object","properties":{"zip":{"type":["string","null"]}}}}})";

} // namespace

TEST_CASE("a value that satisfies its schema has no violation") {
  CHECK(
      violation(risk, R"({"risk_score":0.73,"tags":["a"],"where":{"zip":null},"more":1})").empty());
}

TEST_CASE("a violation names the path and what was expected") {
  CHECK(violation(risk, R"({"risk_score":"high"})") == "/risk_score: expected a number");
  CHECK(violation(risk, R"({"risk_score":0,"tags":["a",2]})") == "/tags/1: expected a string");
  CHECK(violation(risk, R"({"risk_score":0,"where":{"zip":5}})") ==
        R"(/where/zip: expected one of the types ["string","null"])");
  CHECK(violation(risk, "[]") == "/: expected an object");
  CHECK(violation(risk, "{}").find("risk_score") != std::string::npos);
  CHECK(violation(risk, R"({"risk_score":2})").substr(0, 12) == "/risk_score:");
}

TEST_CASE("a schema that cannot be understood is a complaint and a defect") {
  CHECK_FALSE(violation(R"({"type":"nonsense"})", "1").empty());
  CHECK_FALSE(defect(R"({"type":"nonsense"})").empty());
  CHECK_FALSE(defect(R"({"properties":[]})").empty());
  CHECK_FALSE(defect("[]").empty());
  CHECK(defect(risk).empty());
  CHECK(defect("{}").empty());
}

TEST_CASE("references leave the document nowhere and end") {
  CHECK_FALSE(defect(R"({"$ref":"http://127.0.0.1:1/schema.json"})").empty());
  CHECK_FALSE(defect(R"({"$ref":"file:///etc/passwd"})").empty());
  CHECK_FALSE(defect(R"({"$ref":"other.json#/a"})").empty());
  CHECK_FALSE(defect(R"({"$ref":"#/missing"})").empty());
  CHECK_FALSE(defect(R"({"$ref":"#"})").empty());
  CHECK_FALSE(defect(R"({"allOf":[{"$ref":"#"}]})").empty());
  CHECK_FALSE(defect(R"({"properties":{"a":{"not":{"if":{"$ref":"#/properties/a"}}}}})").empty());
  CHECK(
      defect(R"({"$id":"https://example.com/tree","properties":{"child":{"$ref":"#"}}})").empty());
}

TEST_CASE("a recursive schema checks a recursive value") {
  const char* tree = R"({"$id":"https://example.com/tree","type":"object",
    "properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#"}}}})";
  CHECK(violation(tree, R"({"name":"a","children":[{"name":"b","children":[]}]})").empty());
  CHECK(violation(tree, R"({"name":"a","children":[{"name":7}]})") ==
        "/children/0/name: expected a string");
}

TEST_CASE("subschemas that multiply are refused") {
  json schema = {{"type", "object"}};
  for (int level = 0; level < 40; ++level) {
    const auto next = "#/$defs/l" + std::to_string(level + 1);
    schema["$defs"]["l" + std::to_string(level)] = {
        {"allOf", {{{"$ref", next}}, {{"$ref", next}}}}};
  }
  schema["$defs"]["l40"] = {{"type", "object"}};
  schema["$ref"] = "#/$defs/l0";
  CHECK(schema_defect(schema));
  CHECK(schema_violation(schema, json::object()));
}

TEST_CASE("patterns are bounded in length, in form and in what they match") {
  CHECK(violation(R"({"type":"string","pattern":"^[A-Z]{2}-[0-9]+$"})", R"("TX-9921")").empty());
  CHECK_FALSE(violation(R"({"type":"string","pattern":"^[A-Z]{2}-[0-9]+$"})", R"("9921")").empty());
  CHECK_FALSE(defect(R"({"pattern":"^(a+)+$"})").empty());
  CHECK_FALSE(defect(R"({"pattern":"^(a|a)*$"})").empty());
  CHECK_FALSE(defect(R"({"patternProperties":{"((a*)b)*":{}}})").empty());
  CHECK_FALSE(defect(R"({"pattern":"["})").empty());
  CHECK(defect(R"({"pattern":"^(ab)?(cd)+[(+)]\\)$"})").empty());
  CHECK_FALSE(schema_defect({{"pattern", std::string(300, 'a')}}) == std::nullopt);
  const json matched = {{"type", "string"}, {"pattern", "^.*$"}};
  CHECK(schema_violation(matched, std::string(1000000, 'a')));
  CHECK_FALSE(schema_violation({{"type", "string"}}, std::string(1000000, 'a')));
  CHECK(schema_violation({{"type", "string"}, {"format", "date"}}, std::string(1000000, '1')));
  CHECK(defect(R"({"properties":{"pattern":{"type":"string"}}})").empty());
}

TEST_CASE("deep values and schemas are refused, not followed") {
  const auto nested = [](int depth) {
    json value = 1;
    for (int i = 0; i < depth; ++i)
      value = json::array({std::move(value)});
    return value;
  };
  CHECK_FALSE(schema_violation(json::object(), nested(50)));
  CHECK(schema_violation(json::object(), nested(1000)));
  json deep = json::object();
  for (int i = 0; i < 100; ++i)
    deep = {{"items", std::move(deep)}};
  CHECK(schema_defect(deep));
}

TEST_CASE("long chains of references are followed as far as the bound and refused beyond it") {
  const auto chain = [](int length) {
    json schema = {{"$ref", "#/$defs/l1"}};
    for (int level = 1; level < length; ++level)
      schema["$defs"]["l" + std::to_string(level)]["properties"]["a"]["items"]["anyOf"] = {
          {{"$ref", "#/$defs/l" + std::to_string(level + 1)}}};
    schema["$defs"]["l" + std::to_string(length)] = {{"type", "object"}};
    return schema;
  };
  CHECK_FALSE(schema_defect(chain(25)));
  CHECK(schema_defect(chain(100)));
  CHECK(schema_violation(chain(100), json::object()));
}
