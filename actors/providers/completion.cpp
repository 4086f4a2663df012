#include "actors/providers/completion.hpp"

#include <algorithm>

namespace ares {
namespace {

std::int64_t code_points(std::string_view text) noexcept {
  // Every byte that is not a UTF-8 continuation byte begins a character.
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::int64_t tokens_of(std::int64_t characters) noexcept {
  return (characters + 3) / 4;
}

} // namespace

const char* to_string(finish_reason r) noexcept {
  switch (r) {
  case finish_reason::stop: return "stop";
  case finish_reason::length: return "length";
  case finish_reason::tool_calls: return "tool_calls";
  case finish_reason::content_filter: return "content_filter";
  }
  return "stop";
}

bool completion_failure::retriable() const noexcept {
  switch (what) {
  case kind::connect:
  case kind::cut:
  case kind::busy:
  case kind::injected: return true;
  case kind::status: return status == 408 || status == 429 || status >= 500;
  case kind::timeout:
  case kind::invalid:
  case kind::cancelled: return false;
  }
  return false;
}

std::int64_t estimate_tokens(std::string_view text) noexcept {
  return tokens_of(code_points(text));
}

std::int64_t estimate_prompt_tokens(const std::vector<chat_message>& messages) noexcept {
  std::int64_t characters = 0;
  for (const auto& message : messages)
    characters += code_points(message.content);
  return tokens_of(characters);
}

} // namespace ares
