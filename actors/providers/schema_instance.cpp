#include "actors/providers/schema_instance.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace ares {
namespace {

constexpr int depth_max = 32;
constexpr std::size_t values_max = 1000; // of one instance: nested minItems multiply
constexpr std::size_t text_characters_max = 4096;

double number_or(const json& schema, const char* key, double otherwise) {
  auto found = schema.find(key);
  return found != schema.end() && found->is_number() ? found->get<double>() : otherwise;
}

std::size_t count_or_zero(const json& schema, const char* key) {
  auto value = number_or(schema, key, 0);
  return value >= 1 ? static_cast<std::size_t>(std::min(value, 1e6)) : 0;
}

bool has_list(const json& schema, const char* key) {
  auto found = schema.find(key);
  return found != schema.end() && found->is_array() && !found->empty();
}

/// Walks one schema; a member for each kind of value.
class generator {
public:
  explicit generator(const json& root) : root_(root) {}

  json value(const json& schema, int depth) {
    if (++values_ > values_max || depth > depth_max || !schema.is_object())
      return json::object();
    if (auto found = schema.find("const"); found != schema.end())
      return *found;
    if (has_list(schema, "enum"))
      return schema["enum"].front();
    if (auto found = schema.find("default"); found != schema.end())
      return *found;
    if (auto found = schema.find("$ref"); found != schema.end() && found->is_string())
      return referenced(found->get_ref<const std::string&>(), depth);
    if (has_list(schema, "allOf"))
      return value(merged(schema), depth + 1);
    for (const char* choice : {"anyOf", "oneOf"})
      if (has_list(schema, choice))
        return value(schema[choice].front(), depth + 1);
    return of_type(type_of(schema), schema, depth);
  }

private:
  static std::string type_of(const json& schema) {
    json type = schema.value("type", json());
    if (type.is_array() && !type.empty())
      type = json(type.front());
    if (type.is_string())
      return type.get<std::string>();
    return schema.contains("items") ? "array" : "object";
  }

  json of_type(const std::string& type, const json& schema, int depth) {
    if (type == "string")
      return text(schema);
    if (type == "integer" || type == "number")
      return number(schema, type == "integer");
    if (type == "boolean")
      return false;
    if (type == "null")
      return nullptr;
    if (type == "array")
      return array(schema, depth);
    return object(schema, depth);
  }

  json referenced(const std::string& reference, int depth) {
    if (reference.empty() || reference.front() != '#')
      return json::object();
    try {
      return value(root_.at(json::json_pointer(reference.substr(1))), depth + 1);
    } catch (const json::exception&) {
      return json::object();
    }
  }

  static json merged(const json& schema) {
    json all = schema;
    all.erase("allOf");
    for (const auto& part : schema["allOf"]) {
      if (!part.is_object())
        continue;
      auto required = all.value("required", json::array());
      if (has_list(part, "required"))
        required.insert(required.end(), part["required"].begin(), part["required"].end());
      all.merge_patch(part);
      all["required"] = std::move(required);
    }
    return all;
  }

  json object(const json& schema, int depth) {
    json result = json::object();
    if (!has_list(schema, "required"))
      return result;
    auto properties = schema.find("properties");
    const bool described = properties != schema.end() && properties->is_object();
    for (const auto& name : schema["required"]) {
      if (!name.is_string())
        continue;
      const auto& key = name.get_ref<const std::string&>();
      const bool known = described && properties->contains(key);
      result[key] = known ? value((*properties)[key], depth + 1) : json(nullptr);
    }
    return result;
  }

  json array(const json& schema, int depth) {
    json result = json::array();
    const json items = schema.value("items", json());
    const auto count = count_or_zero(schema, "minItems");
    while (result.size() < count && values_ < values_max)
      result.push_back(value(items, depth + 1));
    return result;
  }

  static json text(const json& schema) {
    std::string result = "[simulated]";
    if (schema.contains("maxLength"))
      result.resize(std::min(result.size(), count_or_zero(schema, "maxLength")));
    const auto length = std::min(count_or_zero(schema, "minLength"), text_characters_max);
    if (result.size() < length)
      result.resize(length, '.');
    return result;
  }

  /// Zero where it is allowed, else the bound that lies nearest to it.
  static json number(const json& schema, bool whole) {
    const double step = whole ? 1 : 0.5;
    double low = number_or(schema, "minimum", -HUGE_VAL);
    double high = number_or(schema, "maximum", HUGE_VAL);
    low = std::max(low, number_or(schema, "exclusiveMinimum", -HUGE_VAL) + step);
    high = std::min(high, number_or(schema, "exclusiveMaximum", HUGE_VAL) - step);
    double result = std::clamp(0.0, std::min(low, high), std::max(low, high));
    if (low > high) // an open interval narrower than the step
      result = (low + high) / 2;
    if (double multiple = number_or(schema, "multipleOf", 0); multiple > 0)
      result = std::ceil(result / multiple) * multiple;
    if (!whole)
      return result;
    result = low > 0 ? std::ceil(result) : std::floor(result);
    return static_cast<std::int64_t>(std::clamp(result, -9e15, 9e15));
  }

  const json& root_;
  std::size_t values_ = 0;
};

} // namespace

json schema_instance(const json& schema) {
  return generator(schema).value(schema, 1);
}

} // namespace ares
