#include "tests/store/random_history.hpp"

#include "conf/json.hpp"
#include "store/counters.hpp"

namespace ares::tests {

using verdict = admission_result::verdict;

// -- what must hold at any moment ---------------------------------------------

namespace {

/// One look at a slot, agent by agent.
class inspection {
public:
  inspection(const stored_state& state, const tenant_id& t) : state_(state), tenant_(t) {
    for (const auto& [id, text] : fields_of(keys::open(t))) {
      const auto entry = read_open_entry(text);
      if (!entry)
        fault("an open entry cannot be read: " + text);
      else
        open_.emplace(id, *entry);
    }
    for (const auto& [key, value] : state)
      if (key.starts_with(keys::history(t, "")))
        look_at_agent(key.substr(keys::history(t, "").size()), value.items);
    look_at_counters();
    look_at_idempotency();
  }

  std::vector<std::string> faults;

private:
  void fault(std::string what) { faults.push_back(std::move(what)); }
  void equal(std::int64_t a, std::int64_t b, const std::string& what) {
    if (a != b)
      fault(what + ": " + std::to_string(a) + " is not " + std::to_string(b));
  }
  [[nodiscard]] std::map<std::string, std::string> fields_of(const std::string& key) const {
    const auto found = state_.find(key);
    return found == state_.end() ? std::map<std::string, std::string>{} : found->second.fields();
  }

  void look_at_agent(const std::string& agent, const std::vector<std::string>& runs);
  void look_at_record(const std::string& run, const std::string& agent,
                      std::map<std::string, std::int64_t>& sums);
  void look_at_counters();
  void look_at_idempotency();

  const stored_state& state_;
  const tenant_id& tenant_;
  std::map<std::string, open_entry> open_;
  std::map<std::string, std::string> agent_of_run_;
  std::int64_t running_ = 0, run_tokens_ = 0;
};

void inspection::look_at_agent(const std::string& agent, const std::vector<std::string>& runs) {
  std::map<std::string, std::int64_t> sums;
  for (const auto& run : runs) {
    agent_of_run_.emplace(run, agent);
    look_at_record(run, agent, sums);
  }
  sums["runs"] = static_cast<std::int64_t>(runs.size());
  const auto counters = fields_of(keys::usage(tenant_));
  const auto found = counters.find(agent_field(agent));
  const auto row = found == counters.end() ? std::nullopt : read_row(found->first, found->second);
  if (!row)
    return fault("an agent with runs has no statistics");
  std::size_t i = 0;
  for (const auto* name : {"runs", "completed", "failed", "cancelled", "tokens", "duration_ms"})
    equal((*row)[i++], sums[name], std::string("statistics, ") + name);
  run_tokens_ += sums["tokens"];
}

void inspection::look_at_record(const std::string& run, const std::string& agent,
                                std::map<std::string, std::int64_t>& sums) {
  const auto found = state_.find(keys::record(tenant_, run));
  if (found == state_.end())
    return fault("a run of the history has no record");
  const auto record = json::parse(found->second.items.at(0), nullptr, false);
  if (!record.is_object() || record["id"] != run || record["agent_id"] != agent)
    return fault("a record is not that of its run: " + found->second.items[0]);
  const auto status = record["status"].get<std::string>();
  const bool is_open = open_.contains(run);
  if (is_open != (status == "running"))
    fault("a run is " + status + " and its entry is " + (is_open ? "open" : "gone"));
  if (is_open && (open_.at(run).agent != agent || !open_.at(run).is_run))
    fault("an open entry is not that of its run");
  if (status == "running") {
    ++running_;
    return;
  }
  ++sums[status];
  sums["tokens"] += record["tokens_used"].get<std::int64_t>();
  sums["duration_ms"] += record["duration_ms"].get<std::int64_t>();
}

void inspection::look_at_counters() {
  std::map<char, std::int64_t> days, months;
  for (const auto& [field, value] : fields_of(keys::usage(tenant_))) {
    const auto row = read_row(field, value);
    if (!row)
      fault("no row of counters: " + field);
    else if (field[0] != 'a')
      for (std::size_t i = 0; i < row->size(); ++i)
        (field[0] == 'd' ? days : months)["rtcx"[i]] += (*row)[i];
  }
  const auto runs = static_cast<std::int64_t>(agent_of_run_.size());
  equal(days['r'], runs, "runs of the days");
  equal(months['r'], runs, "runs of the months");
  equal(days['t'], months['t'], "tokens of days and months");
  equal(days['c'], months['c'], "calls of days and months");
  equal(months['t'] % chat_tokens, run_tokens_, "tokens of runs");

  const auto open_chats = static_cast<std::int64_t>(open_.size()) - running_;
  equal(days['x'], runs + open_chats + months['t'] / chat_tokens, "executing requests");
  if (days['c'] < days['x'])
    fault("an executing request was not counted as a call");
  const auto records = std::count_if(state_.begin(), state_.end(), [&](const auto& pair) {
    return pair.first.starts_with(keys::record(tenant_, ""));
  });
  equal(records, runs, "records");
}

void inspection::look_at_idempotency() {
  const auto all = keys::idempotency(tenant_, "", "");
  const auto prefix = all.substr(0, all.size() - 1);
  for (const auto& [key, value] : state_) {
    if (!key.starts_with(prefix))
      continue;
    const auto agent = agent_of_run_.find(value.items.at(0).substr(0, 36));
    if (agent == agent_of_run_.end() || !key.starts_with(prefix + agent->second))
      fault("an idempotency key leads to no run of its agent");
  }
}

} // namespace

std::vector<std::string> faults_of(const stored_state& state, const tenant_id& tenant) {
  return inspection(state, tenant).faults;
}

// -- the history --------------------------------------------------------------

random_history::random_history(slot_bench& bench, std::uint64_t seed)
    : bench_(bench), random_(seed) {
  for (int i = 0; i < 3; ++i) {
    nodes_.push_back(bench_.ids.make<incarnation_id>());
    agents_.push_back(bench_.ids.make<agent_id>().text());
  }
  if (chance(70))
    limits_.requests_per_day = 50 + below(200);
  if (chance(70))
    limits_.runs_per_month = 20 + below(150);
  if (chance(70))
    limits_.tokens_per_month = chat_tokens * (5 + below(60));
}

void random_history::step() {
  if (chance(4))
    return fence_one();
  bench_.node = nodes_[below(nodes_.size())];
  if (!fenced_.empty() && chance(10)) // one that woke up late
    bench_.node = *std::next(fenced_.begin(), static_cast<std::ptrdiff_t>(below(fenced_.size())));
  std::vector<planned> all;
  for (auto n = 1 + below(20); n > 0; --n)
    all.push_back(plan());
  send(std::move(all));
}

void random_history::send(std::vector<planned> all) {
  std::vector<operation> operations;
  for (auto& p : all)
    operations.push_back(std::move(p.what));
  const auto results = bench_.send(operations);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].verify(results[i]);
}

random_history::known_operation& random_history::any_operation() {
  // Mostly of the latest: those are likely to be open.
  const auto n = answered_.size();
  const auto back = chance(80) ? std::min<std::size_t>(n, 30) : n;
  return known_.at(answered_[n - 1 - below(back)]);
}

random_history::planned random_history::plan() {
  const auto kind = below(100);
  if (answered_.empty() || kind < 40)
    return plan_admission();
  if (kind < 45)
    return plan_repetition();
  if (kind < 60)
    return plan_progress();
  if (kind < 82)
    return plan_end();
  if (kind < 90)
    return plan_settlement();
  return plan_read();
}

// -- admissions ---------------------------------------------------------------

admission random_history::make_admission() {
  auto a = chance(60) ? bench_.new_run() : bench_.new_chat();
  if (a.is_run) {
    a.agent = agents_[below(agents_.size())];
    a.record_head = record_head(a.operation, a.agent, R"({"message":"\"status\":\"running\""})");
    if (chance(40)) {
      a.idempotency_key = std::to_string(below(60));
      a.body_hash = sha256(chance(90) ? "body" : "another").hex();
    }
  } else
    a.tokens = chat_tokens;
  a.limits = limits_;
  a.sent_before = chance(5); // and the first one never came
  a.refuse = chance(3);
  if (chance(3))
    a.not_after_ms = bench_.store.clock.now_ms() - 60'000;
  if (chance(2))
    a.key.hash = sha256("unknown");
  if (chance(3))
    a.version = 0;
  return a;
}

std::optional<verdict> random_history::limit_reached(const admission& a) const {
  if (a.limits.requests_per_day && total_.requests >= *a.limits.requests_per_day)
    return verdict::daily_limit;
  if (a.is_run && a.limits.runs_per_month && total_.runs >= *a.limits.runs_per_month)
    return verdict::run_quota;
  if (a.limits.tokens_per_month && total_.tokens >= *a.limits.tokens_per_month)
    return verdict::token_quota;
  return std::nullopt;
}

/// What the store must say, and the model after it.
verdict random_history::foretell(const admission& a) {
  if (a.not_after_ms < bench_.store.clock.now_ms())
    return verdict::late;
  if (fenced_.contains(bench_.node))
    return verdict::fenced;
  if (a.key.hash != bench_.key.hash)
    return verdict::no_key;
  if (a.version != 1)
    return verdict::stale;
  const auto name = a.agent + ':' + a.idempotency_key;
  if (!a.idempotency_key.empty())
    if (const auto earlier = idempotent_.find(name); earlier != idempotent_.end()) {
      if (earlier->second.body_hash == a.body_hash)
        return verdict::replay;
      ++total_.calls;
      return verdict::conflict;
    }
  if (a.refuse) {
    ++total_.calls;
    return verdict::refused;
  }
  if (const auto reached = limit_reached(a))
    return *reached;
  ++total_.calls;
  ++total_.requests;
  total_.runs += a.is_run;
  if (!a.idempotency_key.empty())
    idempotent_[name] = {a.operation.text(), a.body_hash};
  known_.emplace(a.operation, known_operation{a, bench_.node, 0, a.tokens, true, {}});
  return verdict::admitted;
}

random_history::planned random_history::plan_admission() {
  const auto a = make_admission();
  const auto expected = foretell(a);
  const auto earlier = expected == verdict::replay
                           ? idempotent_.at(a.agent + ':' + a.idempotency_key).run
                           : std::string{};
  return {admit(bench_.tenant, a), [=, this](const reply& r) {
            const auto result = read_admission(r);
            REQUIRE(result);
            REQUIRE(result->what == expected);
            REQUIRE(result->run == earlier);
            if (expected != verdict::admitted)
              return;
            known_.at(a.operation).started_ms = result->started_ms;
            answered_.push_back(a.operation);
          }};
}

/// The same admission once more, as a node does that got no answer.
random_history::planned random_history::plan_repetition() {
  auto& k = any_operation();
  if (!k.as_sent.is_run && !k.open)
    return plan_read();
  auto a = k.as_sent;
  a.sent_before = true;
  return {admit(bench_.tenant, a), [&k, open = k.open](const reply& r) {
            const auto result = read_admission(r);
            REQUIRE(result);
            REQUIRE(result->what == verdict::admitted);
            if (open)
              REQUIRE(result->started_ms == k.started_ms);
          }};
}

// -- progress and end ---------------------------------------------------------

random_history::planned random_history::plan_progress() {
  auto& k = any_operation();
  if (k.open && k.as_sent.is_run)
    k.tokens += static_cast<std::int64_t>(below(500));
  return {progress(k.as_sent.operation, k.tokens), [open = k.open](const reply& r) {
            REQUIRE(r.items.at(0).text == (open ? "OK" : "ENDED"));
          }};
}

void random_history::end(known_operation& k, std::int64_t tokens) {
  if (k.open)
    total_.tokens += tokens;
  k.open = false;
}

random_history::planned random_history::plan_end() {
  auto& k = any_operation();
  const auto how = static_cast<ending>(below(3));
  const finish_figures figures{
      how, k.tokens + (k.as_sent.is_run ? static_cast<std::int64_t>(below(500)) : 0),
      static_cast<std::int64_t>(below(5000))};
  const auto record = k.as_sent.is_run ? ended_record(k.as_sent.record_head, k.started_ms,
                                                      {figures, R"({"a":1})", "null"})
                                       : std::string{};
  const bool was_open = k.open;
  end(k, figures.tokens);
  return {finish(bench_.tenant, k.as_sent.operation, k.as_sent.agent, figures, record),
          [&k, was_open, record](const reply& r) {
            const auto result = read_end(r);
            REQUIRE(result);
            if (was_open) {
              REQUIRE(result->what == end_result::verdict::ended_now);
              k.record = record;
            } else {
              REQUIRE(result->what == end_result::verdict::ended_before);
              REQUIRE(result->record == k.record);
            }
          }};
}

random_history::planned random_history::plan_settlement() {
  auto& k = any_operation();
  const bool was_open = k.open;
  end(k, k.tokens);
  const auto how = chance(50) ? ending::failed : ending::cancelled;
  return {settle(bench_.tenant, k.as_sent.operation, k.as_sent.agent, {how, R"("it was lost")"}),
          [&k, was_open](const reply& r) {
            const auto result = read_end(r);
            REQUIRE(result);
            if (was_open) {
              REQUIRE(result->what == end_result::verdict::ended_now);
              k.record = result->record;
            } else {
              REQUIRE(result->what == end_result::verdict::ended_before);
              REQUIRE(result->record == k.record);
            }
          }};
}

// -- the rest -----------------------------------------------------------------

random_history::planned random_history::plan_read() {
  if (chance(30)) {
    ++total_.calls;
    return {count_call(bench_.tenant), [](const reply& r) { REQUIRE(r.items.at(0).text == "OK"); }};
  }
  auto reading = bench_.new_reading();
  const auto expected = totals(total_);
  if (chance(10)) {
    reading.version = 9;
    return {check_usage(bench_.tenant, reading),
            [](const reply& r) { REQUIRE(r.items.at(0).text == "STALE"); }};
  }
  ++total_.calls;
  return {check_usage(bench_.tenant, reading), [expected](const reply& r) {
            REQUIRE(r.items.at(0).text == "OK");
            const auto& month = r.items.at(2).items;
            REQUIRE(month.at(0).integer == expected.runs);
            REQUIRE(month.at(1).integer == expected.tokens);
            REQUIRE(month.at(2).integer == expected.calls);
          }};
}

/// A node is given up, and another takes its place. What it left open is ended, or only some of it
/// yet.
void random_history::fence_one() {
  auto& node = nodes_[below(nodes_.size())];
  const auto left = bench_.store.run(
      "fence", {keys::tenant(bench_.tenant), keys::open(bench_.tenant)}, {node.text()});
  std::set<std::string> expected, got;
  for (const auto& [id, k] : known_)
    if (k.open && k.node == node)
      expected.insert(id.text());
  for (std::size_t i = 0; i < left.items.size(); i += 2)
    got.insert(left.items[i].text);
  REQUIRE(got == expected);
  fenced_.insert(node);
  node = bench_.ids.make<incarnation_id>();

  bench_.node = node;
  for (const auto& text : got) {
    auto& k = known_.at(*operation_id::parse(text));
    if (chance(60)) {
      k.record = bench_
                     .end_now(settle(bench_.tenant, k.as_sent.operation, k.as_sent.agent,
                                     {ending::failed, R"("node lost")"}))
                     .record;
      end(k, k.tokens);
    }
  }
}

void random_history::quiesce() {
  for (auto& [id, k] : known_)
    if (k.open) {
      bench_.end_now(settle(bench_.tenant, id, k.as_sent.agent, {ending::failed, "null"}));
      end(k, k.tokens);
    }
}

void random_history::check_counters() {
  CHECK(bench_.used("mr") == total_.runs);
  CHECK(bench_.used("mt") == total_.tokens);
  CHECK(bench_.used("mc") == total_.calls);
  CHECK(bench_.used("dr") == total_.runs);
  CHECK(bench_.used("dt") == total_.tokens);
  CHECK(bench_.used("dc") == total_.calls);
  CHECK(bench_.used("dx") == total_.requests);
  if (limits_.runs_per_month)
    CHECK(total_.runs <= *limits_.runs_per_month);
  if (limits_.requests_per_day)
    CHECK(total_.requests <= *limits_.requests_per_day);
}

} // namespace ares::tests
