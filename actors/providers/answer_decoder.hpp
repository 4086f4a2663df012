// One answer of an upstream, read as it arrives: what all formats over HTTP have in common. A
// format derives from it and says what its events and documents mean. No I/O, no clock, no actor.
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
#include <variant>
#include <vector>

namespace ares {

/// Bounds of one answer; beyond them it is `invalid`.
struct answer_limits {
  std::size_t text_bytes_max = 4u << 20;
  std::size_t event_bytes_max = 128u << 10; // the parser may hold it twice: a stream has 256 KiB
  std::size_t body_bytes_max = 16u << 20;   // of an answer that is no stream
  std::size_t error_body_bytes_max = 64u << 10;
  std::size_t tool_calls_max = 128;
  std::size_t arguments_bytes_max = 1u << 20; // of all tool calls together
};

struct answer_context {
  bool stream = false;            // whether a stream was asked for
  std::int64_t prompt_tokens = 0; // the estimate, where the upstream reports nothing
  std::int64_t now_unix_s = 0;    // for a Retry-After that is a date
  /// Of a stream: so much of its text is in the answer at the end; all of it came from `feed`.
  std::size_t kept_text_bytes_max = SIZE_MAX;
  std::vector<std::string> hidden; // key and host: never in a message
  answer_limits limits{};
};

/// Reads one answer, whichever form the upstream chose: a stream of events or one JSON document.
/// Fed with what the transport hears, in that order.
class answer_decoder {
public:
  explicit answer_decoder(answer_context context);
  virtual ~answer_decoder() = default;
  answer_decoder(const answer_decoder&) = delete;
  answer_decoder& operator=(const answer_decoder&) = delete;

  void head(int status, const http_headers& headers);
  /// The text that these bytes brought, in whole characters; empty for an answer that is no stream.
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// The answer is complete, or can only be a failure: what follows does not matter any more.
  [[nodiscard]] bool settled() const noexcept { return done_ || broken_; }
  /// Once, when nothing more comes.
  [[nodiscard]] std::variant<completion, completion_failure> finish(transfer_end::kind end);
  /// After `finish`: the text of the answer that no `feed` has returned.
  [[nodiscard]] const std::string& last_text() const noexcept { return fresh_; }

protected:
  struct indexed_call {
    std::optional<std::int64_t> index;
    tool_call call;
  };

  // -- what a format means ------------------------------------------------------

  /// One event of a stream; none comes once the answer is settled.
  virtual void take_event(std::string_view data) = 0;
  /// The whole of an answer that is no stream; afterwards it is finished or broken off.
  virtual void take_document(const upstream_json& document) = 0;
  /// The `usage` of an answer, or of an error document.
  virtual void take_usage(const json& usage) = 0;

  // -- what it does with that ---------------------------------------------------

  /// The object that `text` is; without one the answer is broken off.
  std::optional<upstream_json> object_of(std::string_view text);
  /// Bytes of the answer's text; a character may be cut in two.
  void add_text(std::string_view bytes);
  /// Null, and the answer broken off, if there would be too many.
  tool_call* add_call(std::optional<std::int64_t> index);
  void add_arguments(const upstream_json& from, const json& arguments, tool_call& into);
  /// The upstream reports an error inside its answer, which may mean an HTTP status.
  void take_error(const upstream_json& document, std::optional<int> status);
  void break_off(completion_failure::kind what, std::string message);
  [[nodiscard]] bool is_stream() const noexcept { return is_stream_; }

  answer_context context_;
  std::vector<indexed_call> calls_;
  std::optional<finish_reason> finish_; // `stop` with tool calls will be `tool_calls`
  std::optional<std::int64_t> reported_prompt_;
  std::optional<std::int64_t> reported_tokens_; // prompt and answer together
  bool done_ = false;

private:
  void count_and_keep(std::string_view text);
  completion_failure refusal();
  completion_failure failure_of(transfer_end::kind end);
  completion finished_answer();
  [[nodiscard]] std::int64_t tokens_so_far() const;

  int status_ = 0;
  http_headers headers_;
  bool is_stream_ = false;
  bool begun_ = false; // something of the body has come
  std::string body_;
  sse_parser events_;
  utf8_assembler characters_;
  std::string content_, fresh_;
  std::size_t text_bytes_ = 0;
  std::int64_t text_characters_ = 0;
  std::size_t arguments_bytes_ = 0;
  std::optional<completion_failure> broken_;
};

} // namespace ares
