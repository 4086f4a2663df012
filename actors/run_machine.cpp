#include "actors/run_machine.hpp"

#include "actors/json_schema.hpp"
#include "conf/limits.hpp"

#include <algorithm>

namespace ares {

namespace {

using std::chrono::milliseconds;

// Doubles from 100 ms to 2 s. The provider's own word on when to come back goes first.
milliseconds pause_before(int attempt, const completion_failure& f) {
  if (f.retry_after)
    return *f.retry_after;
  return std::min(milliseconds(100) * (1 << std::min(attempt, 5)), milliseconds(2000));
}

bool worth_retrying(const completion_failure& f) {
  return f.what != completion_failure::kind::timeout && f.retriable();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// The inside of the first ```json fence; the text itself if it has none. It is closed by the first
// fence at the start of a line, which cannot be inside a string of JSON, or else by the last one.
std::string_view without_fence(std::string_view text) {
  constexpr std::string_view fence = "```";
  auto open = text.find("```json");
  std::size_t skip = 7;
  if (open == std::string_view::npos && trimmed(text).starts_with(fence)) {
    open = text.find(fence);
    skip = fence.size();
  }
  if (open == std::string_view::npos)
    return text;
  auto inside = text.substr(open + skip);
  auto close = inside.find("\n```");
  if (close == std::string_view::npos)
    close = inside.rfind(fence);
  return close == std::string_view::npos ? text : inside.substr(0, close);
}

} // namespace

json object_in(const std::string& content) {
  for (auto text : {trimmed(content), trimmed(without_fence(content))}) {
    if (!text.starts_with('{') || !text.ends_with('}'))
      continue;
    if (auto value = parse_json(text); value && value->is_object())
      return std::move(*value);
  }
  return nullptr;
}

std::string output_of(const std::string& content) {
  for (auto text : {trimmed(content), trimmed(without_fence(content))})
    if (text.starts_with('{') && text.ends_with('}') && check_json(text))
      return minify_json(text);
  return "{\"message\":" + quote_json(content) + "}";
}

run_machine::run_machine(run_plan plan) : plan_(std::move(plan)) {}

// -- calls --------------------------------------------------------------------

run_machine::commands run_machine::admitted(time now) {
  deadline_ = now + plan_.timeout;
  return call(now);
}

run_machine::commands run_machine::call(time now) {
  state_ = state::calling;
  return {call_model{++call_, &model(), request(), time_left(now)}};
}

milliseconds run_machine::time_left(time now) const {
  return std::max(std::chrono::duration_cast<milliseconds>(deadline_ - now), milliseconds(1));
}

std::shared_ptr<const completion_request> run_machine::request() const {
  auto r = std::make_shared<completion_request>();
  r->model = model().upstream_name;
  r->messages = plan_.messages;
  r->tools = plan_.tools;
  r->max_tokens = plan_.max_tokens ? plan_.max_tokens : model().max_tokens;
  r->temperature = plan_.temperature ? plan_.temperature : model().temperature;
  r->top_p = plan_.top_p;
  r->stop = plan_.stop;
  r->response_schema = plan_.output_schema;
  r->stream = plan_.stream;
  return r;
}

run_machine::commands run_machine::completed(std::uint64_t call, completion c, time now) {
  if (call != call_ || (state_ != state::calling && state_ != state::dropping))
    return {};
  tokens_ += c.tokens;
  if (state_ == state::dropping)
    return end_with(*std::move(when_dropped_));
  attempts_ = 0;
  if (!c.tool_calls.empty() && !plan_.tools.empty()) {
    if (c.finish != finish_reason::length)
      return call_tools(std::move(c));
    if (plan_.is_run) // the arguments may be half a JSON
      return fail(errc::upstream_error,
                  "The model's answer was cut in a tool call by its token limit");
  }
  return conclude(std::move(c), now);
}

run_machine::commands run_machine::failed(std::uint64_t call, const completion_failure& f,
                                          time now) {
  if (call != call_ || (state_ != state::calling && state_ != state::dropping))
    return {};
  tokens_ += f.tokens;
  if (state_ == state::dropping)
    return end_with(*std::move(when_dropped_));

  const auto timed_out = f.what == completion_failure::kind::timeout;
  const auto pause = pause_before(attempts_, f);
  commands out;
  if (f.tokens > 0)
    out.push_back(checkpoint{checkpointed_ = tokens_});
  if (!delivered_ && worth_retrying(f) && attempts_ < plan_.max_retries &&
      now + pause < deadline_) {
    ++attempts_;
    state_ = state::waiting;
    out.push_back(wait{pause});
    return out;
  }
  if (!delivered_ && model_ + 1 < plan_.models.size() && now < deadline_) {
    ++model_;
    attempts_ = 0;
    state_ = state::waiting;
    out.push_back(wait{milliseconds(0)});
    return out;
  }
  return fail(timed_out ? errc::upstream_timeout : errc::upstream_error, f.message);
}

run_machine::commands run_machine::retry_due(time now) {
  return state_ == state::waiting ? call(now) : commands{};
}

// -- tools --------------------------------------------------------------------

run_machine::commands run_machine::call_tools(completion c) {
  if (tool_rounds_ >= plan_.max_tool_iterations) {
    if (plan_.is_run)
      return fail(errc::upstream_error, "The tool loop did not end within " +
                                            std::to_string(plan_.max_tool_iterations) + " rounds");
    end e;
    e.content = std::move(c.content);
    e.finish = finish_reason::tool_calls;
    return end_with(std::move(e));
  }
  ++tool_rounds_;
  state_ = state::tools;
  auto calls = c.tool_calls;
  // Back ends refuse to read back what their own model wrote if it is no JSON; the tool's result
  // tells the model.
  for (auto& call : c.tool_calls)
    if (!check_json(call.arguments))
      call.arguments = "{}";
  plan_.messages.push_back(
      {chat_message::role::assistant, std::move(c.content), std::move(c.tool_calls), {}});
  checkpointed_ = tokens_;
  return {checkpoint{tokens_}, execute_tools{std::move(calls)}};
}

run_machine::commands run_machine::tools_done(const std::vector<std::string>& results, time now) {
  if (state_ != state::tools)
    return {};
  delivered_ = false;
  const auto calls = plan_.messages.back().tool_calls; // a copy: the push below may move it
  for (std::size_t i = 0; i < calls.size(); ++i)
    plan_.messages.push_back({chat_message::role::tool,
                              i < results.size() ? results[i] : std::string{},
                              {},
                              calls[i].id});
  return call(now);
}

// -- the end ------------------------------------------------------------------

run_machine::commands run_machine::conclude(completion c, time now) {
  if (plan_.is_run && plan_.output_schema) {
    auto object = object_in(c.content);
    auto complaint = object.is_object()
                         ? schema_violation(*plan_.output_schema, object)
                         : std::optional<std::string>("the answer is not a JSON object");
    if (complaint)
      return correct(std::move(c), *complaint, now);
  }
  end e;
  if (plan_.is_run)
    e.output_json = output_of(c.content);
  else
    e.content = std::move(c.content);
  e.finish = c.finish;
  return end_with(std::move(e));
}

run_machine::commands run_machine::correct(completion c, const std::string& complaint, time now) {
  if (corrected_)
    return fail(errc::upstream_error,
                "The model's output does not match the output_schema: " + complaint);
  corrected_ = true;
  delivered_ = false;
  plan_.messages.push_back({chat_message::role::assistant, std::move(c.content), {}, {}});
  plan_.messages.push_back(
      {chat_message::role::user,
       "Your answer does not match the required JSON Schema: " + complaint +
           ". Answer again with one JSON object that matches it, and nothing else.",
       {},
       {}});
  checkpointed_ = tokens_;
  commands out{checkpoint{tokens_}};
  auto again = call(now);
  out.insert(out.end(), again.begin(), again.end());
  return out;
}

run_machine::commands run_machine::deadline() {
  return stop(
      store::ending::failed,
      error{errc::upstream_timeout,
            "The time limit of " + std::to_string(plan_.timeout.count()) + " ms was reached"});
}

run_machine::commands run_machine::client_left() {
  return stop(store::ending::cancelled, error{errc::upstream_error, "The client went away"});
}

// A provider that crashed says nothing any more: its silence must not keep the run.
run_machine::commands run_machine::drop_overdue() {
  if (state_ != state::dropping)
    return {};
  tokens_ += estimate_prompt_tokens(plan_.messages);
  return end_with(*std::move(when_dropped_));
}

run_machine::commands run_machine::stop(store::ending how, std::optional<error> why) {
  end e;
  e.how = how;
  e.why = std::move(why);
  switch (state_) {
  case state::ended:
  case state::dropping: return {};
  case state::calling:
    state_ = state::dropping;
    when_dropped_ = std::move(e);
    return {drop_call{call_}};
  case state::waiting:
  case state::tools: break;
  }
  return end_with(std::move(e));
}

run_machine::commands run_machine::cancel() {
  if (state_ == state::ended)
    return {};
  commands out;
  if (state_ == state::calling)
    out.push_back(drop_call{call_});
  end e;
  e.how = store::ending::cancelled;
  tokens_ = checkpointed_;
  auto last = end_with(std::move(e));
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

run_machine::commands run_machine::fail(errc code, std::string message) {
  end e;
  e.how = store::ending::failed;
  e.why = error{code, std::move(message)};
  return end_with(std::move(e));
}

run_machine::commands run_machine::end_with(end e) {
  state_ = state::ended;
  e.tokens = tokens_;
  e.model = &model();
  return {std::move(e)};
}

} // namespace ares
