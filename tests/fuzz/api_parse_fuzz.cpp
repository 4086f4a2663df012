// A routed request's query, headers and body: whatever a client sends becomes a call whose values
// are in range, or an error of the contract's. The first byte chooses the endpoint, the second the
// headers; then the body, and behind a NUL the query.
#include "conf/json.hpp"
#include "conf/utf8.hpp"
#include "http/api_parse.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string>
#include <utility>
#include <variant>

using namespace ares;
using namespace ares::http;
using fuzz::require;

namespace {

constexpr std::pair<const char*, const char*> targets[] = {
    {"POST", "/v1/agents/risk-analyzer/run"},
    {"POST", "/v1/chat"},
    {"POST", "/v1/chat/stream"},
    {"POST", "/v1/api-keys"},
    {"GET", "/v1/agents"},
    {"GET", "/v1/agents/risk-analyzer/runs"},
    {"DELETE", "/v1/api-keys/0190a0a0-0000-7000-8000-000000000000"},
};

void check_call(const start_run& run) {
  require(!run.user_message.empty() && valid_utf8(run.user_message));
  const auto input = parse_json(run.input_json);
  require(input && input->is_object() && input->at("message").is_string());
  require(run.idempotency_key.size() <= 255);
}

void check_call(const start_chat& chat) {
  require(!chat.messages.empty());
  for (const auto& m : chat.messages)
    require(valid_utf8(m.content));
}

void check_call(const create_key& key) {
  require(!key.name.empty() && key.name.size() <= 400);
  require(!key.expires_in_days || (*key.expires_in_days >= 1 && *key.expires_in_days <= 3650));
}

void check_page(const page& p) {
  require(p.number >= 1 && p.size >= 1 && p.size <= 100);
}
void check_call(const list_agents& list) {
  check_page(list.which);
}
void check_call(const list_runs& list) {
  check_page(list.which);
}

template <class Other> void check_call(const Other&) {}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::text_of(data, size);
  const auto target = targets[fuzz::take_choice(input) % std::size(targets)];
  const auto headers = fuzz::take_choice(input);
  request r;
  r.method = target.first;
  r.path = target.second;
  const auto end = input.find('\0');
  r.body = input.substr(0, end);
  r.query = end == input.npos ? "" : input.substr(end + 1);
  if (headers & 1)
    r.headers.push_back({"Content-Type", "application/json"});
  if (headers & 2)
    r.headers.push_back({"Idempotency-Key", r.query});
  if (headers & 4)
    r.headers.push_back({"Prefer", r.query});
  const auto m = find_route(r.method, r.path);
  const auto call = parse_api_call(r, m);
  if (call) {
    std::visit([](const auto& value) { check_call(value); }, *call);
  } else {
    const auto code = call.failure().code;
    require(code == errc::invalid_json || code == errc::invalid_request ||
            code == errc::unsupported_media_type);
    require(!call.failure().message.empty());
  }
  return 0;
}
