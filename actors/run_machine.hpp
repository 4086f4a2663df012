// What a run or a chat does between its admission and its end, as a pure machine: events in,
// commands out, time an argument. No actor, no clock, no I/O.
//
//   calling --completed--> tools --tools_done--> calling
//      |                     (or a correction of the output)
//      |--failed--> waiting --retry_due--> calling
//      '--deadline, client_left--> dropping --failed, drop_overdue--> ended
//
// Every event may come in every state; one that no longer matters gives no commands.
#pragma once

#include "actors/providers/completion.hpp"
#include "conf/json.hpp"
#include "store/operations.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ares {

/// One of the models that may serve a run: the first, then its fallbacks.
struct model_choice {
  std::string name;     // as configured
  std::string provider; // its name
  std::string upstream_name;
  std::optional<int> max_tokens; // where the agent says nothing
  std::optional<double> temperature;
};

/// Everything that is decided before a run starts.
struct run_plan {
  bool is_run = true; // else a chat
  bool stream = true; // whether the provider is asked for deltas
  std::vector<chat_message> messages;
  std::vector<model_choice> models; // at least one
  std::vector<tool_description> tools;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<json> output_schema; // of a run
  int max_tool_iterations = 5;
  int max_retries = 2;
  std::chrono::milliseconds timeout{120000};
};

class run_machine {
public:
  using time = std::chrono::steady_clock::time_point;

  // -- commands ---------------------------------------------------------------

  /// Ask the model; `call` numbers the calls of this run from 1.
  struct call_model {
    std::uint64_t call;
    const model_choice* model; // of the plan
    std::shared_ptr<const completion_request> request;
    std::chrono::milliseconds deadline;
  };
  /// Drop the call that is out; `failed` (or `completed`) is still expected.
  struct drop_call {
    std::uint64_t call;
  };
  struct wait {
    std::chrono::milliseconds pause; // then `retry_due`
  };
  struct execute_tools {
    std::vector<tool_call> calls; // then `tools_done`, a result each
  };
  /// Tokens so far, for the store.
  struct checkpoint {
    std::int64_t tokens;
  };
  /// The end. Nothing follows.
  struct end {
    store::ending how = store::ending::completed;
    std::int64_t tokens = 0;
    std::string output_json = "null"; // of a run
    std::optional<error> why;         // failed: the sentence, and for a chat its code
    std::string content;              // of a chat
    const model_choice* model = nullptr;
    finish_reason finish = finish_reason::stop;
  };
  using command = std::variant<call_model, drop_call, wait, execute_tools, checkpoint, end>;
  using commands = std::vector<command>;

  // -- events -----------------------------------------------------------------

  explicit run_machine(run_plan plan);

  [[nodiscard]] commands admitted(time now);
  /// A delta of the current call was passed to a client: from now on no attempt is repeated.
  void delta_delivered() noexcept { delivered_ = true; }
  [[nodiscard]] commands completed(std::uint64_t call, completion c, time now);
  [[nodiscard]] commands failed(std::uint64_t call, const completion_failure& f, time now);
  [[nodiscard]] commands retry_due(time now);
  [[nodiscard]] commands tools_done(const std::vector<std::string>& results, time now);
  /// The plan's time-out has passed.
  [[nodiscard]] commands deadline();
  /// Cancelled by its owner: ends at once with what was checkpointed.
  [[nodiscard]] commands cancel();
  /// The only client of a chat left: ends as soon as the provider has said what was consumed.
  [[nodiscard]] commands client_left();
  /// The provider did not say in time what the dropped call consumed: ends without, its prompt
  /// estimated.
  [[nodiscard]] commands drop_overdue();

  [[nodiscard]] bool ended() const noexcept { return state_ == state::ended; }
  [[nodiscard]] bool dropping() const noexcept { return state_ == state::dropping; }
  [[nodiscard]] std::int64_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] const run_plan& plan() const noexcept { return plan_; }

private:
  enum class state { calling, waiting, tools, dropping, ended };

  commands call(time now);
  commands call_tools(completion c);
  commands conclude(completion c, time now);
  commands correct(completion c, const std::string& complaint, time now);
  commands stop(store::ending how, std::optional<error> why);
  commands end_with(end e);
  commands fail(errc code, std::string message);
  [[nodiscard]] std::shared_ptr<const completion_request> request() const;
  [[nodiscard]] std::chrono::milliseconds time_left(time now) const;
  [[nodiscard]] const model_choice& model() const { return plan_.models[model_]; }

  run_plan plan_;
  state state_ = state::calling;
  time deadline_{};
  std::uint64_t call_ = 0;
  std::size_t model_ = 0;
  int attempts_ = 0; // failed ones at this model, for this call
  int tool_rounds_ = 0;
  bool corrected_ = false;
  bool delivered_ = false;
  std::int64_t tokens_ = 0;
  std::int64_t checkpointed_ = 0;
  std::optional<end> when_dropped_;
};

/// The output of a run, by the contract's rule: the content if it is a JSON object, also inside a
/// ```json fence; else `{"message": content}`. One line of JSON.
[[nodiscard]] std::string output_of(const std::string& content);
/// The JSON object that a content is or holds in a fence; null where it is none.
[[nodiscard]] json object_in(const std::string& content);

} // namespace ares
