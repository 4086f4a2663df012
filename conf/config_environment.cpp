#include "conf/config_environment.hpp"

#include "conf/config_rules.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace ares {
namespace {

constexpr std::string_view prefix = "ARES_";
constexpr std::string_view separator = "__";

/// How a key or a name of the file appears in a variable's name, in lower case.
std::string folded(std::string_view text) {
  std::string out{text};
  for (auto& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    c = byte < 0x80 && std::isalnum(byte) ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return out;
}

/// A variable's name in its parts: ARES_MODELS__GPT_4__PROVIDER is models, gpt_4, provider.
struct target {
  std::string section;
  std::string name; // of an entry; empty in ARES_SECTION__KEY
  std::string key;
};

std::optional<target> parse_variable(std::string_view variable) {
  if (!variable.starts_with(prefix))
    return std::nullopt;
  const auto rest = folded(variable.substr(prefix.size()));
  const auto first = rest.find(separator);
  const auto last = rest.rfind(separator);
  if (first == rest.npos)
    return std::nullopt;
  target out{rest.substr(0, first), {}, rest.substr(last + separator.size())};
  if (last > first + separator.size())
    out.name = rest.substr(first + separator.size(), last - first - separator.size());
  return out;
}

/// Writes `value` into `table`: as it stands, or where the key wants something else than text and
/// the value can be read as TOML, as that.
void write(toml::table& table, std::string_view key, const std::string& value, bool textual) {
  if (!textual) {
    const auto parsed = toml::parse("value = " + value);
    if (parsed && parsed.table().size() == 1) {
      parsed.table().get("value")->visit(
          [&](const auto& node) { table.insert_or_assign(key, node); });
      return;
    }
  }
  table.insert_or_assign(key, value);
}

/// Applies one variable; holds what all its steps need.
class override_step {
public:
  override_step(config_source& source, const std::string& variable)
      : source_(source), variable_(variable) {}

  std::optional<error> apply(const target& to, const std::string& value) {
    const auto* section = find_section(to.section);
    if (section == nullptr)
      return unknown_section(to.section);
    if (section->shape == section_outline::kind::templates)
      return fault({to.section}, "templates cannot be set by the environment");
    if ((section->shape == section_outline::kind::named) == to.name.empty())
      return fault(path_of(to), "unknown key");
    const auto* key = section->find(to.key);
    if (key == nullptr)
      return fault(path_of(to), "unknown key" + suggestion(to.key, section->key_names()));
    return write_value(*section, to, *key, value);
  }

private:
  static const section_outline* find_section(std::string_view name) {
    for (const auto& s : sections())
      if (s.name == name)
        return &s;
    return nullptr;
  }

  static key_path path_of(const target& to) {
    return to.name.empty() ? key_path{to.section, to.key}
                           : key_path{to.section, to.name, to.key};
  }

  /// Of a section that we do not know, unless it looks like one that was meant to be ours.
  std::optional<error> unknown_section(const std::string& name) {
    const auto meant = suggestion(name, section_names());
    if (meant.empty())
      return std::nullopt;
    return fault({name}, "unknown section" + meant);
  }

  std::optional<error> write_value(const section_outline& section, const target& to,
                                   const section_outline::key& key, const std::string& value) {
    key_path path{to.section};
    auto* table = table_in(source_.root(), to.section, path);
    if (table != nullptr && section.shape == section_outline::kind::named) {
      const auto name = existing_name(*table, to.name);
      if (!name)
        return fault(path / to.name, "is the spelling of more than one name");
      path.push_back(*name);
      table = table_in(*table, *name, path);
    }
    if (table == nullptr)
      return std::nullopt; // the file has something else there, which is reported as the file's
    write(*table, key.name, value, key.textual);
    source_.overridden_by(path / key.name, variable_);
    return std::nullopt;
  }

  /// The table `key` of `parent`, made if need be; null if something else stands there.
  toml::table* table_in(toml::table& parent, const std::string& key, const key_path& path) {
    if (!parent.contains(key)) {
      parent.insert(key, toml::table{});
      source_.overridden_by(path, variable_);
    }
    return parent.get(key)->as_table();
  }

  /// The name in the file that `name` stands for, or `name` itself; nothing if there are several.
  static std::optional<std::string> existing_name(const toml::table& table,
                                                  const std::string& name) {
    std::optional<std::string> found;
    for (const auto& [key, node] : table) {
      if (folded(key.str()) != name)
        continue;
      if (found)
        return std::nullopt;
      found = std::string(key.str());
    }
    return found ? found : name;
  }

  error fault(const key_path& path, const std::string& what) {
    source_.overridden_by(path, variable_);
    return source_.fault(path, what);
  }

  config_source& source_;
  const std::string& variable_;
};

} // namespace

std::optional<error> apply_environment(config_source& source, const environment& env,
                                       const std::vector<std::string>& variables) {
  auto sorted = variables; // the same errors whatever the order of the environment
  std::sort(sorted.begin(), sorted.end());
  for (const auto& variable : sorted) {
    const auto to = parse_variable(variable);
    const auto value = to ? env(variable) : std::nullopt;
    if (!value)
      continue;
    if (auto wrong = override_step(source, variable).apply(*to, *value))
      return wrong;
  }
  return std::nullopt;
}

} // namespace ares
