#include "conf/config_source.hpp"

#include "conf/json.hpp"
#include "conf/limits.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <numeric>

namespace ares {
namespace {

error unreadable(const std::string& file, const std::string& what) {
  return {errc::invalid_request, file + ": " + what};
}

result<std::string> read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(limits::config_file_bytes_max + 1, '\0');
  if (!in || (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && !in.eof()))
    return unreadable(file, "cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > limits::config_file_bytes_max)
    return unreadable(file, "is larger than " + std::to_string(limits::config_file_bytes_max) +
                                " bytes");
  return text;
}

const toml::node* child(const toml::node& parent, const std::string& key) {
  if (const auto* table = parent.as_table())
    return table->get(key);
  std::size_t index = 0;
  const auto* array = parent.as_array();
  if (array == nullptr || std::from_chars(key.data(), key.data() + key.size(), index).ec != std::errc{})
    return nullptr;
  return array->get(index);
}

/// As TOML would spell it.
std::string spelled(const std::string& key) {
  const auto bare = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), bare);
  return plain ? key : quote_json(key);
}

/// Levenshtein's edit distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

} // namespace

key_path operator/(key_path path, std::string_view key) {
  path.emplace_back(key);
  return path;
}

result<config_source> config_source::read(const std::string& file) {
  config_source out;
  out.file_ = file;
  if (file.empty())
    return out;
  auto text = read_file(file);
  if (!text)
    return std::move(text).failure();
  auto parsed = toml::parse(std::string_view{*text}, std::string_view{file});
  if (!parsed) {
    const auto& e = parsed.error();
    std::string what{e.description()};
    std::replace(what.begin(), what.end(), '\n', ' ');
    return unreadable(file + ":" + std::to_string(e.source().begin.line), "not valid TOML: " + what);
  }
  out.root_ = std::move(parsed).table();
  return out;
}

void config_source::overridden_by(const key_path& path, const std::string& variable) {
  overrides_[path] = variable;
}

error config_source::fault(const key_path& path, const std::string& what) const {
  const toml::node* node = &root_;
  std::string key;
  auto line = node->source().begin.line;
  for (const auto& part : path) {
    const bool in_array = node != nullptr && node->is_array();
    key += in_array ? "[" + part + "]" : (key.empty() ? "" : ".") + spelled(part);
    node = node != nullptr ? child(*node, part) : nullptr;
    if (node != nullptr && node->source().begin.line != 0)
      line = node->source().begin.line;
  }
  std::string place = file_;
  if (const auto found = overrides_.find(path); found != overrides_.end())
    place = found->second;
  else if (!file_.empty() && path.size() > 0 && line != 0)
    place += ":" + std::to_string(line);
  return {errc::invalid_request, (place.empty() ? "" : place + ": ") + key + ": " + what};
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t word_bytes_max = 64; // nothing longer is a slip of the keyboard
  if (word.size() > word_bytes_max)
    return {};
  std::string_view best;
  std::size_t best_distance = 1 + std::min<std::size_t>(2, word.size() / 2);
  for (const auto candidate : candidates)
    if (const auto d = distance(word, candidate); d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  return best.empty() ? "" : "; did you mean \"" + std::string(best) + "\"?";
}

} // namespace ares
