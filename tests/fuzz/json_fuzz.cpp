// The strict JSON scanner against nlohmann's parser, and the helpers that trust what it checked.
#include "conf/json.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string>

using namespace ares;
using fuzz::require;

namespace {

/// Depth as nlohmann sees it: the root is 1.
std::size_t depth_of(const json& value) {
  std::size_t deepest = 0;
  for (const auto& inside : value)
    if (inside.is_structured())
      deepest = std::max(deepest, depth_of(inside));
  return value.is_structured() ? deepest + 1 : 1;
}

void check_accepted(std::string_view text) {
  const auto value = json::parse(text.begin(), text.end(), nullptr, false);
  require(!value.is_discarded() && depth_of(value) <= 64);
  const auto small = minify_json(text);
  require(small.size() <= text.size() && check_json(small));
  require(json::parse(small, nullptr, false) == value && minify_json(small) == small);
  require(check_json(dump_json(value)) && parse_json(text));
  if (!value.is_object())
    return require(json_member(text, "a").empty());
  for (const auto& [key, inside] : value.items()) {
    const auto member = json_member(text, key);
    require(member.data() >= text.data() && !member.empty());
    require(json::parse(member, nullptr, false) == inside);
  }
}

/// What is refused is outside JSON, or for one of the reasons that are ours; the position is real.
void check_refused(std::string_view text, const error& why) {
  require(why.code == errc::invalid_json);
  const auto at = why.message.rfind(" at byte ");
  require(at != why.message.npos && std::stoul(why.message.substr(at + 9)) <= text.size());
  const auto reason = [&why](const char* words) {
    return why.message.find(words) != why.message.npos;
  };
  if (reason("nesting") || reason("duplicate") || reason("byte order mark") || reason("range"))
    return;
  if (text.find('\0') == text.npos) // to nlohmann's parser the end of the text
    require(!json::accept(text.begin(), text.end()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto checked = check_json(text))
    check_accepted(text);
  else
    check_refused(text, checked.failure());
  const auto quoted = quote_json(text);
  require(static_cast<bool>(check_json(quoted)));
  // These are meant for checked text only, and must not read beyond the end of any other.
  static_cast<void>(minify_json(text));
  static_cast<void>(json_member(text, "input"));
  return 0;
}
