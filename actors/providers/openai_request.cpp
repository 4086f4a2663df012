#include "actors/providers/openai.hpp"

namespace ares {
namespace {

const char* role_name(chat_message::role role) {
  switch (role) {
  case chat_message::role::system: return "system";
  case chat_message::role::user: return "user";
  case chat_message::role::assistant: return "assistant";
  case chat_message::role::tool: return "tool";
  }
  return "user";
}

json encoded(const tool_call& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

json encoded(const chat_message& message) {
  json result = {{"role", role_name(message.from)}, {"content", message.content}};
  if (message.from == chat_message::role::tool)
    result["tool_call_id"] = message.tool_call_id;
  if (message.tool_calls.empty())
    return result;
  if (message.content.empty())
    result["content"] = nullptr;
  for (const auto& call : message.tool_calls)
    result["tool_calls"].push_back(encoded(call));
  return result;
}

json encoded(const tool_description& tool) {
  return {
      {"type", "function"},
      {"function",
       {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}}}};
}

std::string openai_url(const std::string& base_url) {
  return base_url + "/chat/completions";
}

http_headers openai_headers(const std::string& api_key) {
  if (api_key.empty())
    return {};
  return {{"Authorization", "Bearer " + api_key}};
}

std::unique_ptr<answer_decoder> openai_answer(answer_context context) {
  return std::make_unique<openai_decoder>(std::move(context));
}

} // namespace

const provider_codec openai_codec{openai_url, openai_headers, encode_openai_request, openai_answer};

std::string encode_openai_request(const completion_request& request) {
  json body = {{"model", request.model}, {"messages", json::array()}};
  for (const auto& message : request.messages)
    body["messages"].push_back(encoded(message));
  for (const auto& tool : request.tools)
    body["tools"].push_back(encoded(tool));
  if (request.max_tokens)
    body["max_tokens"] = *request.max_tokens;
  if (request.temperature)
    body["temperature"] = *request.temperature;
  if (request.top_p)
    body["top_p"] = *request.top_p;
  if (!request.stop.empty())
    body["stop"] = request.stop;
  if (request.response_schema)
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "output"}, {"schema", *request.response_schema}}}};
  if (request.stream) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  return dump_json(body);
}

} // namespace ares
