#include "actors/providers/anthropic.hpp"
#include "actors/providers/upstream_failure.hpp"

#include <algorithm>

namespace ares {
namespace {

/// The HTTP status that a type of error stands for (docs.anthropic.com/en/api/errors): within a
/// stream it comes without one.
std::optional<int> status_of(const std::string& type) {
  static constexpr std::pair<std::string_view, int> statuses[] = {
      {"invalid_request_error", 400}, {"authentication_error", 401},
      {"billing_error", 402},         {"permission_error", 403},
      {"not_found_error", 404},       {"request_too_large", 413},
      {"rate_limit_error", 429},      {"api_error", 500},
      {"timeout_error", 504},         {"overloaded_error", 529}};
  for (const auto& [name, status] : statuses)
    if (type == name)
      return status;
  return std::nullopt;
}

finish_reason mapped(const std::string& reason) {
  if (reason == "max_tokens" || reason == "model_context_window_exceeded")
    return finish_reason::length;
  if (reason == "refusal")
    return finish_reason::content_filter;
  return finish_reason::stop; // end_turn, stop_sequence, tool_use
}

} // namespace

// -- events and documents -----------------------------------------------------

/// What is not named here (`ping`, what a later version adds) is of no interest.
void anthropic_decoder::take_event(std::string_view data) {
  const auto event = object_of(data);
  if (!event)
    return;
  const json& root = event->root;
  const auto type = event->text(member(root, "type"));
  if (type == "message_start") {
    take_prompt(member(member(root, "message"), "usage"));
  } else if (type == "content_block_start") {
    begin_block(*event, member(root, "content_block"), member(root, "index"));
  } else if (type == "content_block_delta") {
    take_delta(*event);
  } else if (type == "content_block_stop") {
    end_block(member(root, "index"));
  } else if (type == "message_delta") {
    take_usage(member(root, "usage"));
    take_stop_reason(member(member(root, "delta"), "stop_reason"));
  } else if (type == "message_stop") {
    done_ = true;
  } else if (type == "error") {
    take_failure(*event);
  }
}

void anthropic_decoder::take_document(const upstream_json& document) {
  take_usage(member(document.root, "usage"));
  if (!member(document.root, "error").is_null())
    return take_failure(document);
  const json& blocks = member(document.root, "content");
  if (!blocks.is_array())
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer has no content");
  for (const auto& block : blocks)
    begin_block(document, block, nullptr);
  finish_ = finish_reason::stop; // a whole document is a whole answer
  take_stop_reason(member(document.root, "stop_reason"));
}

void anthropic_decoder::take_failure(const upstream_json& from) {
  take_error(from, status_of(from.text(member(member(from.root, "error"), "type"))));
}

void anthropic_decoder::take_stop_reason(const json& reason) {
  if (reason.is_string())
    finish_ = mapped(reason.get<std::string>());
}

// -- blocks of content --------------------------------------------------------

/// A block of a document is whole, one of a stream is filled by deltas. Blocks of other types, the
/// model's thoughts among them, are no part of the answer.
void anthropic_decoder::begin_block(const upstream_json& from, const json& block,
                                    const json& index) {
  const auto type = from.text(member(block, "type"));
  if (type == "text")
    return add_text(from.text(member(block, "text")));
  if (type != "tool_use")
    return;
  std::optional<std::int64_t> number;
  if (index.is_number_integer())
    number = index.get<std::int64_t>();
  tool_call* call = add_call(number);
  if (!call)
    return;
  call->id = repaired_utf8(from.text(member(block, "id")));
  call->name = repaired_utf8(from.text(member(block, "name")));
  // In a stream `input` is empty, a placeholder for what follows.
  const json& input = member(block, "input");
  if (!is_stream() || !input.empty())
    add_arguments(from, input, *call);
}

void anthropic_decoder::take_delta(const upstream_json& event) {
  const json& delta = member(event.root, "delta");
  const auto type = event.text(member(delta, "type"));
  if (type == "text_delta")
    return add_text(event.text(member(delta, "text")));
  if (type != "input_json_delta")
    return;
  if (tool_call* call = call_at(member(event.root, "index")))
    add_arguments(event, member(delta, "partial_json"), *call);
}

/// A tool without arguments is called with no text at all.
void anthropic_decoder::end_block(const json& index) {
  if (tool_call* call = call_at(index); call && call->arguments.empty())
    call->arguments = "{}";
}

tool_call* anthropic_decoder::call_at(const json& index) {
  if (!index.is_number_integer())
    return nullptr;
  const auto number = index.get<std::int64_t>();
  const auto known = std::find_if(calls_.rbegin(), calls_.rend(),
                                  [&](const indexed_call& call) { return call.index == number; });
  return known == calls_.rend() ? nullptr : &known->call;
}

// -- usage --------------------------------------------------------------------

/// `input_tokens` leaves out what was written to the upstream's cache, or read from it.
void anthropic_decoder::take_prompt(const json& usage) {
  const auto input = token_count(member(usage, "input_tokens"));
  if (!input)
    return;
  const auto cached = [&](const char* key) { return token_count(member(usage, key)).value_or(0); };
  const auto prompt =
      *input + cached("cache_creation_input_tokens") + cached("cache_read_input_tokens");
  reported_prompt_ = std::max(reported_prompt_.value_or(0), prompt); // counts only grow
}

/// The counts are those of the whole message so far. What `message_start` says of the output is a
/// placeholder, and is not asked.
void anthropic_decoder::take_usage(const json& usage) {
  take_prompt(usage);
  if (const auto output = token_count(member(usage, "output_tokens")))
    reported_tokens_ = reported_prompt_.value_or(context_.prompt_tokens) + *output;
}

} // namespace ares
