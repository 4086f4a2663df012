// The chat-completions format of OpenAI, as many servers speak it
// (platform.openai.com/docs/api-reference/chat).
#pragma once

#include "actors/providers/codec.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ares {

extern const provider_codec openai_codec;

/// The body of POST /chat/completions. Only what is set in the request is said.
[[nodiscard]] std::string encode_openai_request(const completion_request& request);

class openai_decoder final : public answer_decoder {
public:
  using answer_decoder::answer_decoder;

private:
  void take_event(std::string_view data) override;
  void take_document(const upstream_json& document) override;
  void take_usage(const json& usage) override;

  void take_chunk(const upstream_json& chunk);
  void take_content(const upstream_json& chunk, const json& content);
  void take_tool_call(const upstream_json& chunk, const json& piece);
  tool_call* call_of(const json& index, const std::string& id, bool named);
};

} // namespace ares
