#include "actors/providers/anthropic.hpp"

#include <algorithm>

namespace ares {
namespace {

constexpr int max_tokens_default = 4096; // the format demands a bound
constexpr double temperature_max = 1;    // elsewhere it may be 2

// The upstream refuses text without a visible character.
bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

json text_block(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

/// The arguments as the object that the format wants, whatever the model once wrote.
json input_of(const tool_call& call) {
  auto parsed = parse_upstream_json(call.arguments);
  return parsed && parsed->root.is_object() ? std::move(parsed->root) : json::object();
}

json encoded(const tool_call& call) {
  return {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", input_of(call)}};
}

json encoded(const tool_description& tool) {
  return {
      {"name", tool.name}, {"description", tool.description}, {"input_schema", tool.parameters}};
}

/// The content of a message that is no system message; empty if nothing in it can be said.
json blocks_of(const chat_message& message) {
  // The result of no call, from a client's own history, is text like any other.
  if (message.from == chat_message::role::tool && !message.tool_call_id.empty())
    return json::array({{{"type", "tool_result"},
                         {"tool_use_id", message.tool_call_id},
                         {"content", message.content}}});
  json blocks = json::array();
  if (!is_blank(message.content))
    blocks.push_back(text_block(message.content));
  for (const auto& call : message.tool_calls)
    blocks.push_back(encoded(call));
  return blocks;
}

json encoded(const std::vector<chat_message>& messages) {
  json result = json::array();
  for (const auto& message : messages) {
    if (message.from == chat_message::role::system)
      continue;
    const char* role = message.from == chat_message::role::assistant ? "assistant" : "user";
    const json blocks = blocks_of(message);
    if (blocks.empty())
      continue;
    // The results of one round of tools have to stand in one message.
    if (result.empty() || result.back()["role"] != role)
      result.push_back({{"role", role}, {"content", json::array()}});
    auto& content = result.back()["content"];
    content.insert(content.end(), blocks.begin(), blocks.end());
  }
  return result;
}

std::string system_of(const completion_request& request) {
  std::string system;
  const auto add = [&](const std::string& part) {
    if (!is_blank(part))
      (system += system.empty() ? "" : "\n\n") += part;
  };
  for (const auto& message : request.messages)
    if (message.from == chat_message::role::system)
      add(message.content);
  if (request.response_schema)
    add("Answer with one JSON value that is valid against this JSON Schema, and nothing else: no "
        "explanation, no code fence.\n" +
        dump_json(*request.response_schema));
  return system;
}

std::string anthropic_url(const std::string& base_url) {
  return base_url + (base_url.ends_with("/v1") ? "/messages" : "/v1/messages");
}

http_headers anthropic_headers(const std::string& api_key) {
  http_headers headers{{"anthropic-version", "2023-06-01"}};
  if (!api_key.empty())
    headers.emplace_back("x-api-key", api_key);
  return headers;
}

std::unique_ptr<answer_decoder> anthropic_answer(answer_context context) {
  return std::make_unique<anthropic_decoder>(std::move(context));
}

} // namespace

const provider_codec anthropic_codec{anthropic_url, anthropic_headers, encode_anthropic_request,
                                     anthropic_answer};

std::string encode_anthropic_request(const completion_request& request) {
  json body = {{"model", request.model},
               {"max_tokens", request.max_tokens.value_or(max_tokens_default)},
               {"messages", encoded(request.messages)}};
  if (auto system = system_of(request); !system.empty())
    body["system"] = std::move(system);
  for (const auto& tool : request.tools)
    body["tools"].push_back(encoded(tool));
  if (request.temperature)
    body["temperature"] = std::min(*request.temperature, temperature_max);
  if (request.top_p)
    body["top_p"] = *request.top_p;
  if (!request.stop.empty())
    body["stop_sequences"] = request.stop;
  if (request.stream)
    body["stream"] = true;
  return dump_json(body);
}

} // namespace ares
