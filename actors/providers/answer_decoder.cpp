#include "actors/providers/answer_decoder.hpp"

#include "actors/providers/upstream_failure.hpp"

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

} // namespace

answer_decoder::answer_decoder(answer_context context)
    : context_(std::move(context)), events_(context_.limits.event_bytes_max) {}

// -- what the transport hears -------------------------------------------------

void answer_decoder::head(int status, const http_headers& headers) {
  status_ = status;
  headers_ = headers;
  is_stream_ = status / 100 == 2 && names_event_stream(headers, context_.stream);
}

std::string answer_decoder::feed(std::string_view bytes) {
  if (settled())
    return {};
  fresh_.clear();
  // No line of a stream begins like a document. Some servers call a document a stream, or nothing.
  if (const auto first = bytes.find_first_not_of(" \t\r\n"); !begun_ && first != bytes.npos) {
    begun_ = true;
    is_stream_ = is_stream_ && bytes[first] != '{';
  }
  if (is_stream_) {
    const auto handle = [this](std::string_view, std::string_view data) {
      if (!settled())
        take_event(data);
    };
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

std::variant<completion, completion_failure> answer_decoder::finish(transfer_end::kind end) {
  const bool is_whole = end == transfer_end::kind::complete;
  if (status_ / 100 == 2 && !is_stream_ && is_whole && !settled())
    if (auto document = object_of(body_))
      take_document(*document);
  if (broken_) {
    const bool refused = broken_->what == completion_failure::kind::status && text_bytes_ == 0;
    const auto reported = reported_tokens_ ? reported_tokens_ : reported_prompt_;
    broken_->tokens = refused ? reported.value_or(0) : tokens_so_far();
    return *std::move(broken_);
  }
  if (end == transfer_end::kind::cancelled && !done_)
    return failure_of(end);
  if (status_ != 0 && status_ / 100 != 2)
    return refusal();
  // With a finish reason the answer is whole, even if the connection did not end well.
  if (finish_)
    return finished_answer();
  return failure_of(is_whole ? transfer_end::kind::cut : end);
}

// -- what a format finds ------------------------------------------------------

std::optional<upstream_json> answer_decoder::object_of(std::string_view text) {
  auto parsed = parse_upstream_json(text);
  if (parsed && parsed->root.is_object())
    return parsed;
  break_off(completion_failure::kind::invalid, "The model provider's answer cannot be understood");
  return std::nullopt;
}

void answer_decoder::add_text(std::string_view bytes) {
  const auto text = characters_.push(bytes);
  if (text_bytes_ + text.size() > context_.limits.text_bytes_max)
    return break_off(completion_failure::kind::invalid, "The model provider's answer is too large");
  count_and_keep(text);
  fresh_ += text;
}

void answer_decoder::count_and_keep(std::string_view text) {
  // What is kept is a beginning: once something did not fit, nothing more is.
  const bool kept_all = content_.size() == text_bytes_;
  text_bytes_ += text.size();
  text_characters_ += count_characters(text);
  if (!is_stream_ || (kept_all && text_bytes_ <= context_.kept_text_bytes_max))
    content_ += text;
}

tool_call* answer_decoder::add_call(std::optional<std::int64_t> index) {
  if (calls_.size() == context_.limits.tool_calls_max) {
    break_off(completion_failure::kind::invalid,
              "The model provider's answer has too many tool calls");
    return nullptr;
  }
  calls_.push_back({index, {}});
  return &calls_.back().call;
}

void answer_decoder::add_arguments(const upstream_json& from, const json& arguments,
                                   tool_call& into) {
  // Text, or the object itself.
  const auto text = arguments.is_object() ? dump_json(arguments) : from.text(arguments);
  arguments_bytes_ += text.size();
  if (arguments_bytes_ > context_.limits.arguments_bytes_max)
    return break_off(completion_failure::kind::invalid,
                     "The model provider's tool calls are too large");
  into.arguments += text;
}

void answer_decoder::take_error(const upstream_json& document, std::optional<int> status) {
  const auto words = presentable(upstream_error_message(document), context_.hidden);
  // A stream that turns into an error is cut: another attempt may go through.
  break_off(is_stream_ ? completion_failure::kind::cut : completion_failure::kind::invalid,
            "The model provider reported an error" + (words.empty() ? words : ": " + words));
  if (!status)
    return;
  broken_->what = completion_failure::kind::status;
  broken_->status = *status;
}

void answer_decoder::break_off(completion_failure::kind what, std::string message) {
  if (broken_)
    return;
  broken_.emplace();
  broken_->what = what;
  broken_->message = std::move(message);
}

// -- the end ------------------------------------------------------------------

completion answer_decoder::finished_answer() {
  completion answer;
  if (is_stream_)
    fresh_.clear();
  const auto rest = characters_.finish();
  count_and_keep(rest);
  fresh_ += rest;
  answer.tokens = tokens_so_far();
  answer.content = std::move(content_);
  for (auto& [index, call] : calls_) {
    if (call.id.empty())
      call.id = "call_" + std::to_string(answer.tool_calls.size() + 1);
    call.arguments = repaired_utf8(call.arguments);
    answer.tool_calls.push_back(std::move(call));
  }
  answer.finish = *finish_;
  if (answer.finish == finish_reason::stop && !answer.tool_calls.empty())
    answer.finish = finish_reason::tool_calls;
  return answer;
}

/// The failure that an HTTP error status stands for, with the upstream's own message in it.
completion_failure answer_decoder::refusal() {
  completion_failure failure;
  failure.what = completion_failure::kind::status;
  failure.status = status_;
  failure.retry_after = retry_after(headers_, context_.now_unix_s);
  failure.message = "The model provider answered " + std::to_string(status_);
  if (auto document = parse_upstream_json(body_)) {
    const auto words = presentable(upstream_error_message(*document), context_.hidden);
    if (!words.empty())
      failure.message += ": " + words;
    take_usage(member(document->root, "usage"));
  }
  failure.tokens = tokens_so_far(); // the prompt, unless the upstream says otherwise
  return failure;
}

completion_failure answer_decoder::failure_of(transfer_end::kind end) {
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

std::int64_t answer_decoder::tokens_so_far() const {
  if (reported_tokens_)
    return *reported_tokens_;
  return reported_prompt_.value_or(context_.prompt_tokens) + estimate_tokens(text_characters_);
}

} // namespace ares
