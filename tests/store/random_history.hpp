// A random history of one tenant: several nodes that admit, end, repeat and fence in random
// batches, with a model that foretells every result and every counter; and what must hold of any
// stored state.
#pragma once

#include "tests/store/slot_bench.hpp"

#include <functional>
#include <random>
#include <set>

namespace ares::tests {

/// Every chat of a random history costs exactly this, and all its runs together less: so the tokens
/// of a tenant tell how many chats have ended.
constexpr std::int64_t chat_tokens = 1'000'000'000;

/// What does not hold of a tenant's slot though it must at any moment, as sentences; none if all is
/// well: counters equal history, statistics and records, and what is open is running.
[[nodiscard]] std::vector<std::string> faults_of(const stored_state& state,
                                                 const tenant_id& tenant);

class random_history {
public:
  random_history(slot_bench& bench, std::uint64_t seed);

  /// Sends one random batch of a random node, or fences one and takes its place, and checks what
  /// comes back against the model.
  void step();
  /// Ends everything that is open, as a reaper does.
  void quiesce();
  /// The counters of {T}:u against the model's; after any step.
  void check_counters();

private:
  struct known_operation {
    admission as_sent;
    incarnation_id node;
    std::int64_t started_ms = 0;
    std::int64_t tokens = 0; // checkpointed
    bool open = true;
    std::string record; // once it has ended and that was seen
  };
  /// An operation of a batch, with what looks at its result.
  struct planned {
    operation what;
    std::function<void(const reply&)> verify;
  };
  struct idempotent_run {
    std::string run, body_hash;
  };
  struct totals {
    std::int64_t runs = 0, requests = 0, calls = 0, tokens = 0;
  };

  planned plan();
  planned plan_admission();
  planned plan_repetition();
  planned plan_progress();
  planned plan_end();
  planned plan_settlement();
  planned plan_read();

  admission make_admission();
  admission_result::verdict foretell(const admission& a);
  [[nodiscard]] std::optional<admission_result::verdict> limit_reached(const admission& a) const;
  void end(known_operation& k, std::int64_t tokens);

  void fence_one();
  void send(std::vector<planned> all);
  known_operation& any_operation();
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  std::size_t below(std::size_t n) { return random_() % n; }

  slot_bench& bench_;
  std::mt19937_64 random_;
  std::vector<incarnation_id> nodes_; // bench_.node is the one that sends now
  std::set<incarnation_id> fenced_;
  std::vector<std::string> agents_;
  admission_limits limits_;
  std::map<operation_id, known_operation> known_;
  std::vector<operation_id> answered_;               // those known whose admission was answered
  std::map<std::string, idempotent_run> idempotent_; // by agent and key
  totals total_;
};

} // namespace ares::tests
