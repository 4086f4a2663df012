#include "actors/providers/completion.hpp"

#include <algorithm>

namespace ares {

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

std::int64_t count_characters(std::string_view utf8) noexcept {
  // Every byte that is not a UTF-8 continuation byte begins a character.
  return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::int64_t estimate_tokens(std::int64_t characters) noexcept {
  return (characters + 3) / 4;
}

std::int64_t estimate_tokens(std::string_view text) noexcept {
  return estimate_tokens(count_characters(text));
}

std::int64_t estimate_prompt_tokens(const std::vector<chat_message>& messages) noexcept {
  std::int64_t characters = 0;
  for (const auto& message : messages)
    characters += count_characters(message.content);
  return estimate_tokens(characters);
}

} // namespace ares
