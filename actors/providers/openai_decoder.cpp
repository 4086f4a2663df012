#include "actors/providers/openai.hpp"

#include <algorithm>
#include <cctype>

namespace ares {
namespace {

bool names_event_stream(const http_headers& headers, bool asked) {
  for (const auto& [name, value] : headers) {
    if (name != "content-type")
      continue;
    std::string type = value;
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return type.starts_with("text/event-stream") || (asked && type.find("json") == type.npos);
  }
  return asked;
}

finish_reason mapped(const std::string& reason, bool has_tool_calls) {
  if (reason == "length")
    return finish_reason::length;
  if (reason == "content_filter")
    return finish_reason::content_filter;
  // Some servers say `stop` beside tool calls, some `tool_calls` beside none.
  return has_tool_calls ? finish_reason::tool_calls : finish_reason::stop;
}

} // namespace

openai_decoder::openai_decoder(openai_context context)
    : context_(std::move(context)), events_(context_.limits.event_bytes_max) {}

// -- what the transport hears -------------------------------------------------

void openai_decoder::head(int status, const http_headers& headers) {
  status_ = status;
  headers_ = headers;
  is_stream_ = status / 100 == 2 && names_event_stream(headers, context_.stream);
}

std::string openai_decoder::feed(std::string_view bytes) {
  if (settled())
    return {};
  fresh_.clear();
  if (is_stream_) {
    const auto handle = [this](std::string_view, std::string_view data) { take_event(data); };
    if (!events_.feed(bytes, handle))
      break_off(completion_failure::kind::invalid, "The model provider's answer is too large");
    return std::move(fresh_);
  }
  const bool refused = status_ / 100 != 2;
  const auto& limits = context_.limits;
  const auto bound = refused ? limits.error_body_bytes_max : limits.body_bytes_max;
  body_ += bytes.substr(0, bound - body_.size());
  if (body_.size() == bound && refused)
    done_ = true;
  else if (body_.size() == bound)
    break_off(completion_failure::kind::invalid, "The model provider's answer is too large");
  return {};
}

std::variant<completion, completion_failure> openai_decoder::finish(transfer_end::kind end) {
  const bool is_whole = end == transfer_end::kind::complete;
  if (status_ / 100 == 2 && !is_stream_ && is_whole && !settled())
    take_document();
  if (broken_) {
    const bool refused = broken_->what == completion_failure::kind::status && content_.empty();
    broken_->tokens = refused ? reported_tokens_.value_or(0) : tokens_so_far();
    return *std::move(broken_);
  }
  if (end == transfer_end::kind::cancelled && !done_)
    return failure_of(end);
  if (status_ != 0 && status_ / 100 != 2)
    return openai_status_failure(status_, headers_, body_, context_);
  // With a finish reason the answer is whole, even if the connection did not end well.
  if (finish_reason_)
    return finished_answer();
  return failure_of(is_whole ? transfer_end::kind::cut : end);
}

// -- events and documents -----------------------------------------------------

void openai_decoder::take_event(std::string_view data) {
  if (settled())
    return;
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  auto chunk = parse_upstream_json(data);
  if (!chunk || !chunk->root.is_object())
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer cannot be understood");
  take_chunk(*chunk);
}

void openai_decoder::take_document() {
  auto document = parse_upstream_json(body_);
  if (!document || !document->root.is_object())
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer cannot be understood");
  take_chunk(*document);
  if (broken_)
    return;
  const json& choices = member(document->root, "choices");
  if (!choices.is_array() || choices.empty() || !member(choices.front(), "message").is_object())
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer has no message");
  if (!finish_reason_) // a whole document is a whole answer
    finish_reason_ = "stop";
}

/// A piece of a stream, or a whole document: a `message` has the form of a `delta`.
void openai_decoder::take_chunk(const upstream_json& chunk) {
  take_usage(member(chunk.root, "usage"));
  if (!member(chunk.root, "error").is_null())
    return take_error(chunk);
  const json& choices = member(chunk.root, "choices");
  if (!choices.is_array() || choices.empty())
    return;
  const json& choice = choices.front();
  const json& delta = member(choice, is_stream_ ? "delta" : "message");
  take_content(chunk, member(delta, "content"));
  if (const json& calls = member(delta, "tool_calls"); calls.is_array())
    for (const auto& piece : calls)
      take_tool_call(chunk, piece);
  if (const json& function = member(delta, "function_call"); function.is_object())
    take_tool_call(chunk, {{"index", 0}, {"function", function}});
  if (const json& reason = member(choice, "finish_reason"); reason.is_string())
    finish_reason_ = chunk.text(reason);
}

void openai_decoder::take_content(const upstream_json& chunk, const json& content) {
  std::string text;
  if (content.is_array()) {
    for (const auto& part : content)
      text += chunk.text(member(part, "text"));
  } else {
    text = chunk.text(content);
  }
  text = characters_.push(text);
  if (content_.size() + text.size() > context_.limits.text_bytes_max)
    return break_off(completion_failure::kind::invalid, "The model provider's answer is too large");
  content_ += text;
  if (is_stream_)
    fresh_ += text;
}

void openai_decoder::take_usage(const json& usage) {
  if (auto tokens = openai_usage_tokens(usage))
    reported_tokens_ = tokens;
}

void openai_decoder::take_error(const upstream_json& chunk) {
  const auto words = presentable(openai_error_message(chunk), context_.hidden);
  // A stream that turns into an error is cut: another attempt may go through.
  break_off(is_stream_ ? completion_failure::kind::cut : completion_failure::kind::invalid,
            "The model provider reported an error" + (words.empty() ? words : ": " + words));
  const json& code = member(member(chunk.root, "error"), "code");
  if (!code.is_number_integer() || code < 400 || code > 599)
    return;
  broken_->what = completion_failure::kind::status;
  broken_->status = code.get<int>();
}

// -- tool calls ---------------------------------------------------------------

void openai_decoder::take_tool_call(const upstream_json& chunk, const json& piece) {
  const json& function = member(piece, "function");
  const auto id = chunk.text(member(piece, "id"));
  tool_call* call = call_of(member(piece, "index"), id, !member(function, "name").is_null());
  if (!call)
    return break_off(completion_failure::kind::invalid,
                     "The model provider's answer has too many tool calls");
  if (call->id.empty())
    call->id = repaired_utf8(id);
  take_function(chunk, function, *call);
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
  if (known != calls_.rend())
    return &known->call;
  if (calls_.size() == context_.limits.tool_calls_max)
    return nullptr;
  calls_.push_back({number, {}});
  return &calls_.back().call;
}

void openai_decoder::take_function(const upstream_json& chunk, const json& function,
                                   tool_call& into) {
  if (into.name.empty())
    into.name = repaired_utf8(chunk.text(member(function, "name")));
  const json& arguments = member(function, "arguments");
  // The format says text; some servers send the object itself.
  const auto text = arguments.is_object() ? dump_json(arguments) : chunk.text(arguments);
  arguments_bytes_ += text.size();
  if (arguments_bytes_ > context_.limits.arguments_bytes_max)
    return break_off(completion_failure::kind::invalid,
                     "The model provider's tool calls are too large");
  into.arguments += text;
}

// -- the end ------------------------------------------------------------------

void openai_decoder::break_off(completion_failure::kind what, std::string message) {
  if (broken_)
    return;
  broken_.emplace();
  broken_->what = what;
  broken_->message = std::move(message);
}

completion openai_decoder::finished_answer() {
  completion answer;
  content_ += characters_.finish();
  answer.tokens = tokens_so_far();
  answer.content = std::move(content_);
  for (auto& [index, call] : calls_) {
    if (call.id.empty())
      call.id = "call_" + std::to_string(answer.tool_calls.size() + 1);
    call.arguments = repaired_utf8(call.arguments);
    answer.tool_calls.push_back(std::move(call));
  }
  answer.finish = mapped(*finish_reason_, !answer.tool_calls.empty());
  return answer;
}

completion_failure openai_decoder::failure_of(transfer_end::kind end) {
  using kind = completion_failure::kind;
  completion_failure failure;
  // Whoever refused the connection, or closed it without a word, has accepted nothing.
  bool accepted = status_ != 0;
  switch (end) {
  case transfer_end::kind::connect_failed:
    failure.what = kind::connect;
    failure.message = "The model provider cannot be reached";
    break;
  case transfer_end::kind::timed_out:
    failure.what = kind::timeout;
    failure.message = "The model provider did not answer in time";
    accepted = true;
    break;
  case transfer_end::kind::too_large:
    failure.message = "The model provider's answer is too large";
    break;
  case transfer_end::kind::cancelled:
    failure.what = kind::cancelled;
    failure.message = "The request was cancelled";
    accepted = true;
    break;
  case transfer_end::kind::complete:
  case transfer_end::kind::cut:
    failure.what = kind::cut;
    failure.message = "The model provider's answer was cut off";
    break;
  }
  failure.tokens = accepted ? tokens_so_far() : 0;
  return failure;
}

std::int64_t openai_decoder::tokens_so_far() const {
  if (reported_tokens_)
    return *reported_tokens_;
  return context_.prompt_tokens + estimate_tokens(content_);
}

} // namespace ares
