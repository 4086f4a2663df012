// docs/configuration.md names every key there is, each with its environment variable.
#include "conf/config_rules.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace ares;

namespace {

std::string documentation() {
  const auto root = std::filesystem::path(ARES_SOURCE_DIR);
  std::ostringstream text;
  text << std::ifstream(root / "docs" / "configuration.md").rdbuf();
  return text.str();
}

std::string variable_of(const section_outline& section, std::string_view key) {
  auto out = "ARES_" + std::string(section.name) + "__";
  out += section.shape == section_outline::kind::named ? "NAME__" : "";
  out += key;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return out;
}

} // namespace

TEST_CASE("the documentation has a row for every key") {
  const auto text = documentation();
  REQUIRE_FALSE(text.empty());
  for (const auto& section : sections())
    for (const auto& key : section.keys) {
      INFO(section.name << "." << key.name);
      const auto row = text.find("| `" + std::string(key.name) + "` |",
                                 text.find("[" + std::string(section.name)));
      CHECK(row != text.npos);
      if (section.shape != section_outline::kind::templates)
        CHECK(text.find("`" + variable_of(section, key.name) + "` |") != text.npos);
    }
}
