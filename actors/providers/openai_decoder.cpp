#include "actors/providers/openai.hpp"
#include "actors/providers/upstream_failure.hpp"

#include <algorithm>

namespace ares {
namespace {

// What the server said, in the words of our own API. Some say `stop` beside tool calls: that is not
// believed, but later, when all calls are there.
finish_reason mapped(const std::string& reason) {
  if (reason == "length")
    return finish_reason::length;
  if (reason == "tool_calls" || reason == "function_call")
    return finish_reason::tool_calls;
  if (reason == "content_filter")
    return finish_reason::content_filter;
  return finish_reason::stop;
}

/// The HTTP status that an error is about, where its code is one.
std::optional<int> status_of(const json& error) {
  const json& code = member(error, "code");
  if (!code.is_number_integer() || code < 400 || code > 599)
    return std::nullopt;
  return code.get<int>();
}

} // namespace

// -- events and documents -----------------------------------------------------

void openai_decoder::take_event(std::string_view data) {
  if (data == "[DONE]")
    done_ = true;
  else if (auto chunk = object_of(data))
    take_chunk(*chunk);
}

void openai_decoder::take_document(const upstream_json& document) {
  take_chunk(document);
  const json& choices = member(document.root, "choices");
  if (!choices.is_array() || choices.empty() || !member(choices.front(), "message").is_object())
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer has no message");
  if (!finish_) // a whole document is a whole answer
    finish_ = finish_reason::stop;
}

/// A piece of a stream, or a whole document: a `message` has the form of a `delta`.
void openai_decoder::take_chunk(const upstream_json& chunk) {
  take_usage(member(chunk.root, "usage"));
  if (const json& error = member(chunk.root, "error"); !error.is_null())
    return take_error(chunk, status_of(error));
  const json& choices = member(chunk.root, "choices");
  if (!choices.is_array() || choices.empty())
    return;
  const json& choice = choices.front();
  const json& delta = member(choice, is_stream() ? "delta" : "message");
  take_content(chunk, member(delta, "content"));
  if (const json& calls = member(delta, "tool_calls"); calls.is_array())
    for (const auto& piece : calls)
      take_tool_call(chunk, piece);
  if (const json& function = member(delta, "function_call"); function.is_object())
    take_tool_call(chunk, {{"index", 0}, {"function", function}});
  if (const json& reason = member(choice, "finish_reason"); reason.is_string())
    finish_ = mapped(chunk.text(reason));
}

void openai_decoder::take_content(const upstream_json& chunk, const json& content) {
  if (!content.is_array())
    return add_text(chunk.text(content));
  for (const auto& part : content)
    add_text(chunk.text(member(part, "text")));
}

void openai_decoder::take_usage(const json& usage) {
  const auto prompt = token_count(member(usage, "prompt_tokens"));
  const auto answer = token_count(member(usage, "completion_tokens"));
  if (prompt && answer)
    reported_tokens_ = *prompt + *answer;
  else if (auto total = token_count(member(usage, "total_tokens")))
    reported_tokens_ = total;
}

// -- tool calls ---------------------------------------------------------------

void openai_decoder::take_tool_call(const upstream_json& chunk, const json& piece) {
  const json& function = member(piece, "function");
  const auto id = chunk.text(member(piece, "id"));
  tool_call* call = call_of(member(piece, "index"), id, !member(function, "name").is_null());
  if (!call)
    return;
  if (call->id.empty())
    call->id = repaired_utf8(id);
  if (call->name.empty())
    call->name = repaired_utf8(chunk.text(member(function, "name")));
  // The format says text; some servers send the object itself.
  add_arguments(chunk, member(function, "arguments"), *call);
}

/// The call that a piece belongs to, a new one if need be; null if there would be too many. Pieces
/// are told apart by index; some servers send none, or always 0 with an id of its own for each
/// call.
tool_call* openai_decoder::call_of(const json& index, const std::string& id, bool named) {
  std::optional<std::int64_t> number;
  if (index.is_number_integer())
    number = index.get<std::int64_t>();
  const bool begins = !id.empty() || named;
  const auto known =
      std::find_if(calls_.rbegin(), calls_.rend(), [&](const indexed_call& candidate) {
        const auto& its_id = candidate.call.id;
        if (number)
          return candidate.index == number && (id.empty() || its_id.empty() || its_id == id);
        return begins ? !id.empty() && its_id == id : true;
      });
  return known != calls_.rend() ? &known->call : add_call(number);
}

} // namespace ares
