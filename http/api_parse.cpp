#include "http/api_parse.hpp"

#include "conf/json.hpp"
#include "conf/secret.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <cctype>

namespace ares::http {

namespace {

error invalid(std::string message) {
  return {errc::invalid_request, std::move(message)};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// -- bodies -------------------------------------------------------------------

bool is_json_type(std::string_view content_type) {
  return lower(trimmed(content_type.substr(0, content_type.find(';')))) == "application/json";
}

result<json> parse_body(const request& r) {
  auto body = parse_json(r.body);
  if (body && !body->is_object())
    return invalid("The body must be a JSON object");
  return body;
}

const json* member(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && !it->is_null() ? &*it : nullptr;
}

/// A string that may be left out or null; empty then.
result<std::string> optional_name(const json& object, const char* name) {
  const auto* value = member(object, name);
  if (!value)
    return std::string{};
  if (!value->is_string() || value->get_ref<const std::string&>().empty())
    return invalid(std::string(name) + " must be a non-empty string");
  return value->get<std::string>();
}

// -- run ----------------------------------------------------------------------

/// A string's own text; `token` is a checked JSON string with its quotes.
std::string unquoted(std::string_view token) {
  const auto inside = token.substr(1, token.size() - 2);
  if (inside.find('\\') == std::string_view::npos)
    return std::string(inside);
  return json::parse(token, nullptr, false).get<std::string>();
}

/// An object, minified, without the member that has this value. What is left stays as it came: a
/// number keeps all its digits.
std::string without_member(std::string_view object, std::string_view value) {
  auto end = static_cast<std::size_t>(value.data() - object.data());
  // In front of the value stand the key's closing quote and the colon. No key that is asked for has
  // a quote in it.
  auto begin = object.rfind('"', end - 3);
  end += value.size();
  if (object[end] == ',')
    ++end;
  else if (object[begin - 1] == ',')
    --begin;
  std::string rest(object.substr(0, begin));
  return rest.append(object.substr(end));
}

// The message; then, where there is one, the context as JSON. Further fields of the input are
// context too. An input of a message alone is not copied: its size tells.
std::string user_message(const std::string& input_json, std::string_view message) {
  constexpr std::size_t message_frame = std::string_view(R"({"message":})").size();
  auto text = unquoted(message);
  if (input_json.size() == message_frame + message.size())
    return text;
  const auto fields = without_member(input_json, message);
  if (fields == "{}") // its name was written with escapes
    return text;
  const auto context = json_member(fields, "context");
  const bool alone = !context.empty() && without_member(fields, context) == "{}";
  if (alone && context == "null")
    return text;
  text += "\n\nContext:\n";
  text += alone ? context : std::string_view(fields);
  return text;
}

result<std::monostate> read_idempotency_key(const request& r, start_run& run) {
  if (r.count("idempotency-key") == 0)
    return std::monostate{};
  auto key = r.find("idempotency-key");
  const bool visible =
      key && std::all_of(key->begin(), key->end(), [](char c) { return c > ' ' && c < 127; });
  if (!visible || key->empty() || key->size() > 255)
    return invalid("The Idempotency-Key must be 1 to 255 visible ASCII characters, given once");
  run.idempotency_key = *key;
  run.body_hash = sha256(r.body).hex();
  return std::monostate{};
}

bool prefers_async(const request& r) {
  for (const auto& h : r.headers) {
    if (lower(h.name) != "prefer")
      continue;
    std::string_view list = h.value;
    while (!list.empty()) {
      auto item = list.substr(0, list.find(','));
      list.remove_prefix(std::min(item.size() + 1, list.size()));
      if (lower(trimmed(item.substr(0, item.find(';')))) == "respond-async")
        return true;
    }
  }
  return false;
}

// Without building the body: it is the hot path, and the input is kept as it came.
result<api_call> parse_run(const request& r, const std::string& agent) {
  if (auto checked = check_json(r.body); !checked)
    return std::move(checked).failure();
  if (r.body[r.body.find_first_not_of(" \t\r\n")] != '{')
    return invalid("The body must be a JSON object");
  const auto input = json_member(r.body, "input");
  if (input.empty())
    return invalid("input is missing");
  if (input[0] != '{')
    return invalid("input must be an object");
  start_run run;
  run.agent = agent;
  run.input_json = minify_json(input);
  const auto message = json_member(run.input_json, "message");
  if (message.empty())
    return invalid("input.message is missing");
  if (message[0] != '"' || message.size() == 2)
    return invalid("input.message must be a non-empty string");
  if (auto key = read_idempotency_key(r, run); !key)
    return std::move(key).failure();
  run.user_message = user_message(run.input_json, message);
  run.respond_async = prefers_async(r);
  return api_call(std::move(run));
}

// -- chat ---------------------------------------------------------------------

result<chat_message> parse_message(const json& m, const std::string& path) {
  if (!m.is_object())
    return invalid(path + " must be an object");
  auto role = m.find("role"), content = m.find("content");
  if (role == m.end())
    return invalid(path + ".role is missing");
  if (content == m.end())
    return invalid(path + ".content is missing");
  if (!content->is_string())
    return invalid(path + ".content must be a string");
  chat_message out;
  out.content = content->get<std::string>();
  if (*role == "system")
    out.from = chat_message::role::system;
  else if (*role == "user")
    out.from = chat_message::role::user;
  else if (*role == "assistant")
    out.from = chat_message::role::assistant;
  else if (*role == "tool")
    out.from = chat_message::role::tool;
  else
    return invalid(path + ".role must be one of system, user, assistant, tool");
  if (const auto* id = member(m, "tool_call_id"); id && id->is_string())
    out.tool_call_id = id->get<std::string>();
  return out;
}

result<std::vector<chat_message>> parse_messages(const json& body) {
  auto list = body.find("messages");
  if (list == body.end())
    return invalid("messages is missing");
  if (!list->is_array() || list->empty())
    return invalid("messages must be a non-empty array");
  std::vector<chat_message> messages;
  bool from_user = false;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto m = parse_message((*list)[i], "messages[" + std::to_string(i) + "]");
    if (!m)
      return std::move(m).failure();
    from_user = from_user || m->from == chat_message::role::user;
    messages.push_back(std::move(*m));
  }
  if (!from_user)
    return invalid("messages must have at least one message of role user");
  return messages;
}

result<api_call> parse_chat(const request& r, bool stream) {
  auto body = parse_body(r);
  if (!body)
    return std::move(body).failure();
  auto messages = parse_messages(*body);
  if (!messages)
    return std::move(messages).failure();
  auto model = optional_name(*body, "model");
  if (!model)
    return std::move(model).failure();
  auto agent_type = optional_name(*body, "agent_type");
  if (!agent_type)
    return std::move(agent_type).failure();
  return api_call(
      start_chat{std::move(*messages), std::move(*model), std::move(*agent_type), stream});
}

// -- keys ---------------------------------------------------------------------

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

result<api_call> parse_create_key(const request& r) {
  auto body = parse_body(r);
  if (!body)
    return std::move(body).failure();
  auto name = body->find("name");
  if (name == body->end())
    return invalid("name is missing");
  if (!name->is_string())
    return invalid("name must be a string");
  create_key key;
  key.name = name->get<std::string>();
  if (const auto n = characters(key.name); n < 1 || n > 100)
    return invalid("name must have 1 to 100 characters");
  if (const auto* days = member(*body, "expires_in_days")) {
    if (!days->is_number_integer() || *days < 1 || *days > 3650)
      return invalid("expires_in_days must be an integer from 1 to 3650");
    key.expires_in_days = days->get<int>();
  }
  return api_call(std::move(key));
}

// -- paths and queries --------------------------------------------------------

result<page> parse_page(const request& r) {
  constexpr std::int64_t page_max = 1'000'000'000'000;
  auto q = query_parameters::parse(r.query);
  if (!q)
    return std::move(q).failure();
  auto number = q->integer("page", 1, 1, page_max);
  if (!number)
    return std::move(number).failure();
  auto size = q->integer("per_page", 20, 1, 100);
  if (!size)
    return std::move(size).failure();
  return page{*number, *size};
}

template <class Call> result<api_call> parse_paged(const request& r, Call call) {
  auto p = parse_page(r);
  if (!p)
    return std::move(p).failure();
  call.which = *p;
  return api_call(std::move(call));
}

template <class Call, class Id>
result<api_call> parse_id(const std::string& segment, const char* what) {
  if (auto id = Id::parse(segment))
    return api_call(Call{*id});
  return error{errc::not_found, std::string("No such ") + what};
}

} // namespace

result<std::monostate> check_media_type(const request& r) {
  auto type = r.find("content-type");
  if (r.count("content-type") > 0 && (!type || !is_json_type(*type)))
    return error{errc::unsupported_media_type, "The Content-Type must be application/json"};
  const auto coding = r.find("content-encoding");
  if (r.count("content-encoding") > 0 && (!coding || lower(*coding) != "identity"))
    return error{errc::unsupported_media_type, "The body must be sent without a Content-Encoding"};
  return std::monostate{};
}

bool is_executing(endpoint e) noexcept {
  return e == endpoint::run_agent || e == endpoint::chat || e == endpoint::chat_stream;
}

result<api_call> parse_api_call(const request& r, const match& m) {
  const auto where = m.found->where;
  if (std::string_view(m.found->method) == "POST")
    if (auto type = check_media_type(r); !type)
      return std::move(type).failure();
  // Parameters nobody reads must not be repeated either.
  if (auto q = query_parameters::parse(r.query); !q)
    return std::move(q).failure();
  const auto segment = m.segments.empty() ? std::string{} : m.segments[0];
  switch (where) {
  case endpoint::agents: return parse_paged(r, list_agents{});
  case endpoint::agent: return api_call(show_agent{segment});
  case endpoint::agent_runs: return parse_paged(r, list_runs{segment, {}});
  case endpoint::run_agent: return parse_run(r, segment);
  case endpoint::chat: return parse_chat(r, false);
  case endpoint::chat_stream: return parse_chat(r, true);
  case endpoint::usage: return api_call(show_usage{});
  case endpoint::keys: return api_call(list_keys{});
  case endpoint::create_key: return parse_create_key(r);
  case endpoint::key: return parse_id<revoke_key, key_id>(segment, "API key");
  case endpoint::run: return parse_id<show_run, operation_id>(segment, "run");
  case endpoint::cancel_run: return parse_id<cancel_run, operation_id>(segment, "run");
  case endpoint::attach_run: return parse_id<attach_run, operation_id>(segment, "run");
  default: return error{errc::not_found, "No such path"};
  }
}

} // namespace ares::http
