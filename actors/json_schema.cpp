// valijson does the validation. What is added here makes it safe with hostile values and odd
// schemas: it recurses over schema and value alike, and matches patterns with std::regex, which
// recurses once a character and can take exponential time.
#include "actors/json_schema.hpp"

// Without it valijson aborts the process on a schema that it does not understand.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <cctype>
#include <exception>
#include <regex>
#include <set>
#include <unordered_map>
#include <vector>

namespace ares {
namespace {

constexpr std::size_t depth_max = 64;
constexpr std::size_t schema_nodes_max = 20000;
constexpr std::size_t references_depth_max = 200; // valijson recurses along them
constexpr std::size_t in_place_checks_max = 1000; // subschemas applied to one and the same value
constexpr std::size_t in_place_depth_max = 16;
constexpr std::size_t pattern_bytes_max = 256;
constexpr std::size_t matched_text_bytes_max = 4096; // where the schema matches text at all
constexpr std::size_t complaint_bytes_max = 500;

/// Calls `visit(node, depth, key)` for every node below `root`, itself included; without recursion.
template <class Visit> void for_each_node(const json& root, Visit visit) {
  struct step {
    const json* node;
    std::size_t depth;
    std::string key;
  };
  std::vector<step> open{{&root, 1, {}}};
  while (!open.empty()) {
    const step now = std::move(open.back());
    open.pop_back();
    if (!visit(*now.node, now.depth, now.key))
      return;
    if (now.node->is_object())
      for (const auto& [key, child] : now.node->items())
        open.push_back({&child, now.depth + 1, key});
    else if (now.node->is_array())
      for (const auto& child : *now.node)
        open.push_back({&child, now.depth + 1, {}});
  }
}

/// What a local reference points to; null if there is nothing.
const json* referenced(const json& root, const json& reference) {
  if (!reference.is_string())
    return nullptr;
  const auto& text = reference.get_ref<const std::string&>();
  if (text.empty() || text.front() != '#')
    return nullptr;
  try {
    return &root.at(json::json_pointer(text.substr(1)));
  } catch (const json::exception&) {
    return nullptr;
  }
}

// -- schemas that would not end -----------------------------------------------

/// Counts the subschemas that apply to one and the same value: through references, allOf, anyOf,
/// oneOf, not, if/then/else and dependencies. A circle among them would recurse without end.
class in_place_checks {
public:
  explicit in_place_checks(const json& root) : root_(root) {}

  /// More than `in_place_checks_max` for a circle.
  std::size_t count(const json& schema, std::size_t depth = 1) {
    if (!schema.is_object())
      return 1;
    if (depth > in_place_depth_max)
      return in_place_checks_max + 1;
    auto [known, is_new] = counts_.emplace(&schema, in_place_checks_max + 1);
    if (!is_new) // a schema that is still being counted is part of a circle: its value is over the
                 // bound
      return known->second;
    std::size_t sum = 1;
    for_each_in_place(schema, [&](const json& part) {
      sum = std::min(sum + count(part, depth + 1), in_place_checks_max + 1);
    });
    return counts_[&schema] = sum;
  }

private:
  template <class Visit> void for_each_in_place(const json& schema, Visit visit) {
    if (auto found = schema.find("$ref"); found != schema.end())
      if (const json* target = referenced(root_, *found))
        visit(*target);
    for (const char* key : {"allOf", "anyOf", "oneOf", "dependencies"})
      if (auto found = schema.find(key); found != schema.end() && found->is_structured())
        for (const auto& part : *found)
          visit(part);
    for (const char* key : {"not", "if", "then", "else"})
      if (auto found = schema.find(key); found != schema.end())
        visit(*found);
  }

  const json& root_;
  std::unordered_map<const json*, std::size_t> counts_;
};

// -- patterns -----------------------------------------------------------------

/// Whether a repeated group holds a repetition or a choice, as in `(a+)+`: that can take
/// exponential time. Conservative: some harmless patterns are called dangerous.
bool may_explode(const std::string& pattern) {
  struct group {
    bool repeats_inside = false;
  };
  std::vector<group> open(1);
  bool closed_repeating = false; // the last thing was a group with a repetition or choice inside
  bool in_class = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const bool was_repeating = std::exchange(closed_repeating, false);
    if (c == '\\') {
      ++at;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      open.push_back({});
    } else if (c == ')' && open.size() > 1) {
      closed_repeating = open.back().repeats_inside;
      open.pop_back();
      open.back().repeats_inside |= closed_repeating;
    } else if (c == '*' || c == '+' || c == '{') {
      if (was_repeating)
        return true;
      open.back().repeats_inside = true;
    } else if (c == '|') {
      open.back().repeats_inside = true;
    }
  }
  return false;
}

std::optional<std::string> pattern_defect(const std::string& pattern) {
  if (pattern.size() > pattern_bytes_max)
    return "a pattern is longer than " + std::to_string(pattern_bytes_max) + " bytes";
  if (may_explode(pattern))
    return "a pattern repeats a group that itself repeats or chooses, which may take too long";
  try {
    std::regex compiled(pattern);
  } catch (const std::regex_error&) {
    return "a pattern is not a regular expression";
  }
  return std::nullopt;
}

/// What one node of a schema gets wrong by itself. It may be no schema at all but, say, a property
/// that happens to be called `pattern`: then it is an object and nothing is said.
std::optional<std::string> node_defect(const json& root, const json& node, const std::string& key) {
  if (key == "$ref" && node.is_string() && !referenced(root, node))
    return "a reference must point into the schema itself and to something that is there";
  if (key == "pattern" && node.is_string())
    return pattern_defect(node.get_ref<const std::string&>());
  if (key == "patternProperties" && node.is_object())
    for (const auto& [pattern, ignored] : node.items())
      if (auto defect = pattern_defect(pattern))
        return defect;
  return std::nullopt;
}

/// For a schema whose depth has been checked.
std::size_t height(const json& node) {
  std::size_t below = 0;
  if (node.is_structured())
    for (const auto& child : node)
      below = std::max(below, height(child));
  return below + 1;
}

/// How deep valijson may recurse: it enters what references point to once each.
std::size_t references_depth(const json& schema) {
  std::set<const json*> targets;
  std::size_t depth = height(schema);
  for_each_node(schema, [&](const json& node, std::size_t, const std::string& key) {
    const json* target = key == "$ref" ? referenced(schema, node) : nullptr;
    if (target && targets.insert(target).second)
      depth += height(*target);
    return depth <= references_depth_max;
  });
  return depth;
}

/// Everything that has to be ruled out before valijson sees the schema.
std::optional<std::string> danger_of(const json& schema) {
  std::optional<std::string> danger;
  std::size_t nodes = 0;
  in_place_checks checks(schema);
  for_each_node(schema, [&](const json& node, std::size_t depth, const std::string& key) {
    if (++nodes > schema_nodes_max || depth > depth_max)
      danger = "it is too large or too deeply nested";
    else if (checks.count(node) > in_place_checks_max)
      danger = "its references go in circles or multiply";
    else
      danger = node_defect(schema, node, key);
    return !danger;
  });
  if (!danger && references_depth(schema) > references_depth_max)
    danger = "it has too many references";
  return danger;
}

bool matches_text(const json& schema) {
  bool found = false;
  for_each_node(schema, [&](const json&, std::size_t, const std::string& key) {
    found = key == "pattern" || key == "patternProperties" || key == "format";
    return !found;
  });
  return found;
}

/// What has to be ruled out in a value.
std::optional<std::string> danger_of(const json& value, bool text_is_matched) {
  std::optional<std::string> danger;
  for_each_node(value, [&](const json& node, std::size_t depth, const std::string& key) {
    const auto bytes = node.is_string() ? node.get_ref<const std::string&>().size() : 0;
    if (depth > depth_max)
      danger = "it is too deeply nested";
    else if (text_is_matched && std::max(bytes, key.size()) > matched_text_bytes_max)
      danger = "a text is too long to be matched";
    return !danger;
  });
  return danger;
}

// -- valijson and its messages ------------------------------------------------

void compile(const json& schema, valijson::Schema& into) {
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  // valijson resolves local references against `$id` and would want to fetch that document.
  if (schema.is_object() && schema.contains("$id")) {
    json without = schema;
    without.erase("$id");
    return parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(without), into);
  }
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), into);
}

/// The part of the schema that describes what lies at `path`, as far as properties and items lead
/// to it.
const json* schema_at(const json& root, const std::vector<std::string>& path) {
  const json* at = &root;
  for (const auto& name : path) {
    for (int hops = 0; hops < 8 && at && at->is_object() && at->contains("$ref"); ++hops)
      at = referenced(root, (*at)["$ref"]);
    if (!at || !at->is_object())
      return nullptr;
    auto properties = at->find("properties");
    auto items = at->find("items");
    if (properties != at->end() && properties->is_object() && properties->contains(name))
      at = &(*properties)[name];
    else if (items != at->end())
      at = &*items;
    else
      return nullptr;
  }
  return at;
}

std::string expected_type(const json* schema) {
  if (!schema || !schema->is_object() || !schema->contains("type"))
    return "a value of another type was expected";
  const json& type = (*schema)["type"];
  if (!type.is_string())
    return "expected one of the types " + dump_json(type);
  const auto& name = type.get_ref<const std::string&>();
  const bool vowel = name == "integer" || name == "object" || name == "array";
  return "expected " + (name == "null" ? name : (vowel ? "an " : "a ") + name);
}

/// `/path: what is wrong`.
std::string sentence(const valijson::ValidationResults::Error& problem, const json& schema) {
  std::vector<std::string> path;
  std::string text;
  for (std::size_t i = 1; i < problem.context.size(); ++i) { // 0 is `<root>`, the others `[name]`
    const auto& part = problem.context[i];
    path.push_back(part.size() > 2 ? part.substr(1, part.size() - 2) : part);
    text += "/" + path.back();
  }
  std::string what = problem.description;
  if (what.find("'type' constraint") != std::string::npos)
    what = expected_type(schema_at(schema, path));
  while (!what.empty() && what.back() == '.')
    what.pop_back();
  if (!what.empty())
    what.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(what.front())));
  text = (text.empty() ? "/" : text) + ": " + what;
  if (text.size() > complaint_bytes_max)
    text.resize(complaint_bytes_max);
  return text;
}

std::optional<std::string> validate(const json& schema, const json& value) {
  valijson::Schema compiled;
  compile(schema, compiled);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults problems;
  if (validator.validate(compiled, valijson::adapters::NlohmannJsonAdapter(value), &problems))
    return std::nullopt;
  valijson::ValidationResults::Error first;
  if (problems.popError(first))
    return sentence(first, schema);
  return "/: the value does not satisfy the schema";
}

} // namespace

std::optional<std::string> schema_violation(const json& schema, const json& value) {
  try {
    if (auto danger = danger_of(schema))
      return "/: the schema cannot be used: " + *danger;
    if (auto danger = danger_of(value, matches_text(schema)))
      return "/: the value cannot be checked: " + *danger;
    return validate(schema, value);
  } catch (const std::exception&) {
    return "/: the schema cannot be understood";
  }
}

std::optional<std::string> schema_defect(const json& schema) {
  if (!schema.is_object())
    return "a schema must be an object";
  try {
    if (auto danger = danger_of(schema))
      return danger;
    valijson::Schema compiled;
    compile(schema, compiled);
    return std::nullopt;
  } catch (const std::exception& problem) {
    return std::string(problem.what()).substr(0, complaint_bytes_max);
  }
}

} // namespace ares
