// What a client asks of its tenant: HTTP-free values, checked at the edge.
#pragma once

#include "actors/admission_gate.hpp"
#include "actors/client.hpp"
#include "actors/providers/completion.hpp"
#include "conf/ids.hpp"
#include "conf/secret.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ares {

struct page {
  std::int64_t number = 1;
  std::int64_t size = 20;
};

struct start_run {
  std::string agent;        // name
  std::string input_json;   // minified, as sent
  std::string user_message; // what the model gets
  std::string idempotency_key, body_hash;
  bool respond_async = false;
};
struct start_chat {
  std::vector<chat_message> messages;
  std::string model;      // empty: none given
  std::string agent_type; // empty: none given
  bool stream = false;
};
struct list_agents {
  page which;
};
struct show_agent {
  std::string name;
};
struct list_runs {
  std::string agent;
  page which;
};
struct show_run {
  operation_id run;
};
struct cancel_run {
  operation_id run;
};
struct attach_run {
  operation_id run;
};
/// The repeat of an idempotency key: waits for the earlier run, or with `respond_async` does not.
struct replay_run {
  operation_id run;
  bool respond_async = false;
  std::chrono::milliseconds patience{0};
};
struct show_usage {};
struct list_keys {};
struct create_key {
  std::string name;
  std::optional<int> expires_in_days;
};
struct revoke_key {
  key_id key;
};
/// What the edge found wrong behind the key check: answered so, once the key has proved good.
struct refused_call {
  error why;
  bool executing = false; // on one of the three executing endpoints
};

using api_call = std::variant<start_run, start_chat, list_agents, show_agent, list_runs, show_run,
                              cancel_run, attach_run, replay_run, show_usage, list_keys, create_key,
                              revoke_key, refused_call>;

struct api_request {
  std::string request_id;
  secret_hash key;
  api_call call;
  client_ptr from;
  /// Where it stands on its way into the store; none where nobody counts.
  std::shared_ptr<admission_place> place;

  /// The store has answered it.
  void got_through() const {
    if (place)
      place->passed();
  }
};

/// Immutable once sent; shared, so that passing it on is cheap.
using api_request_ptr = std::shared_ptr<const api_request>;

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::api_request_ptr)
