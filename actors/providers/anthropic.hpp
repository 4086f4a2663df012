// The messages format of Anthropic (docs.anthropic.com/en/api/messages), version 2023-06-01.
#pragma once

#include "actors/providers/codec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ares {

extern const provider_codec anthropic_codec;

/// The body of POST /v1/messages. What the format lacks is said in its own way: a system message
/// goes to `system` wherever it stands, a schema of the answer is an instruction there, neighbours
/// of one role become one message, a temperature over 1 is 1.
[[nodiscard]] std::string encode_anthropic_request(const completion_request& request);

class anthropic_decoder final : public answer_decoder {
public:
  using answer_decoder::answer_decoder;

private:
  void take_event(std::string_view data) override;
  void take_document(const upstream_json& document) override;
  void take_usage(const json& usage) override;

  void take_prompt(const json& usage);
  void take_failure(const upstream_json& from);
  void begin_block(const upstream_json& from, const json& block, const json& index);
  void take_delta(const upstream_json& event);
  void end_block(const json& index);
  void take_stop_reason(const json& reason);
  tool_call* call_at(const json& index);
};

} // namespace ares
