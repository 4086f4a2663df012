// The chat-completions format of OpenAI, as many servers speak it
// (platform.openai.com/docs/api-reference/chat): pure functions between our vocabulary and the
// bytes on the wire. No I/O, no clock, no actor.
#pragma once

#include "actors/providers/completion.hpp"
#include "actors/providers/sse_parser.hpp"
#include "actors/providers/transport.hpp"
#include "actors/providers/upstream_json.hpp"
#include "actors/providers/utf8_assembler.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ares {

using http_headers = std::vector<std::pair<std::string, std::string>>; // names lower case

/// The body of POST /chat/completions. Only what is set in the request is said.
[[nodiscard]] std::string encode_openai_request(const completion_request& request);

/// Bounds of one answer; beyond them it is `invalid`.
struct openai_limits {
  std::size_t text_bytes_max = 4u << 20;
  std::size_t event_bytes_max = 128u << 10; // the parser may hold it twice: a stream has 256 KiB
  std::size_t body_bytes_max = 16u << 20;   // of an answer that is no stream
  std::size_t error_body_bytes_max = 64u << 10;
  std::size_t tool_calls_max = 128;
  std::size_t arguments_bytes_max = 1u << 20; // of all tool calls together
};

struct openai_context {
  bool stream = false;             // whether a stream was asked for
  std::int64_t prompt_tokens = 0;  // the estimate, where the upstream reports nothing
  std::int64_t now_unix_s = 0;     // for a Retry-After that is a date
  std::vector<std::string> hidden; // key and host: never in a message
  openai_limits limits{};
};

/// Reads one answer, whichever form the upstream chose: a stream of events or one JSON document.
/// Fed with what the transport hears, in that order.
class openai_decoder {
public:
  explicit openai_decoder(openai_context context);

  void head(int status, const http_headers& headers);
  /// The text that these bytes brought, in whole characters; empty for an answer that is no stream.
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// The answer is complete, or can only be a failure: what follows does not matter any more.
  [[nodiscard]] bool settled() const noexcept { return done_ || broken_; }
  /// Once, when nothing more comes.
  [[nodiscard]] std::variant<completion, completion_failure> finish(transfer_end::kind end);

private:
  void take_event(std::string_view data);
  void take_chunk(const upstream_json& chunk);
  void take_content(const upstream_json& chunk, const json& content);
  void take_tool_call(const upstream_json& chunk, const json& piece);
  void take_function(const upstream_json& chunk, const json& function, tool_call& into);
  void take_usage(const json& usage);
  void take_error(const upstream_json& chunk);
  void take_document();
  tool_call* call_of(const json& index, const std::string& id, bool named);
  void break_off(completion_failure::kind what, std::string message);
  completion_failure failure_of(transfer_end::kind end);
  completion_failure refusal() const;
  completion finished_answer();
  std::int64_t tokens_so_far() const;

  struct indexed_call {
    std::optional<std::int64_t> index;
    tool_call call;
  };

  openai_context context_;
  int status_ = 0;
  http_headers headers_;
  bool is_stream_ = false;
  std::string body_;
  sse_parser events_;
  utf8_assembler characters_;
  std::string content_, fresh_;
  std::vector<indexed_call> calls_;
  std::size_t arguments_bytes_ = 0;
  std::optional<std::string> finish_reason_;
  std::optional<std::int64_t> reported_tokens_;
  std::optional<completion_failure> broken_;
  bool done_ = false;
};

/// The failure that an HTTP error status stands for, with the upstream's own message in it.
[[nodiscard]] completion_failure openai_status_failure(int status, const http_headers& headers,
                                                       std::string_view body,
                                                       const openai_context& context);

/// The wait that `retry-after-ms` or `retry-after` (seconds or an HTTP date, RFC 9110
/// section 10.2.3) asks for.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const http_headers& headers,
                                                                   std::int64_t now_unix_s);

/// The upstream's own words made fit for a client: at most 300 characters on one line, links, keys
/// and everything in `hidden` taken out.
[[nodiscard]] std::string presentable(std::string_view message,
                                      const std::vector<std::string>& hidden);

/// `message` of an error document in one of the usual forms; empty if there is none.
[[nodiscard]] std::string openai_error_message(const upstream_json& document);

/// Prompt and completion tokens of a `usage` object, if it makes sense.
[[nodiscard]] std::optional<std::int64_t> openai_usage_tokens(const json& usage);

} // namespace ares
