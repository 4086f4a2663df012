// A configuration file as text: its TOML tree with the environment's overrides written into it, and
// the place of everything in it, for errors. Internal to conf/.
#pragma once

#include "conf/result.hpp"
#include "conf/toml.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ares {

/// The way to a node: keys of tables, and positions in arrays as digits.
using key_path = std::vector<std::string>;

[[nodiscard]] key_path operator/(key_path path, std::string_view key);

class config_source {
public:
  /// An empty `file` is an empty configuration.
  [[nodiscard]] static result<config_source> read(const std::string& file);

  [[nodiscard]] toml::table& root() { return root_; }
  [[nodiscard]] const toml::table& root() const { return root_; }

  /// From now on the node at `path` is the doing of this environment variable.
  void overridden_by(const key_path& path, const std::string& variable);

  /// `FILE:LINE: key: what`, with the line of the node at `path` or, where there is none, of what
  /// would hold it; `VARIABLE: key: what` for an override.
  [[nodiscard]] error fault(const key_path& path, const std::string& what) const;

private:
  std::string file_;
  toml::table root_;
  std::map<key_path, std::string> overrides_;
};

/// `; did you mean "x"?` with the candidate nearest to `word`, or nothing if none is near.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     const std::vector<std::string_view>& candidates);

} // namespace ares
