#include "store/operations.hpp"

#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/scripts.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace ares::store {

namespace {

std::string limit_text(const std::optional<std::int64_t>& limit) {
  return limit ? std::to_string(*limit) : std::string{};
}

std::string flag(bool on) {
  return on ? "1" : "";
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t n = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (bad != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return n;
}

/// The texts of an array reply whose first element is a word; empty if it is not one.
std::string_view word_of(const reply& r) {
  if (r.type != reply::kind::array || r.items.empty() || r.items[0].type != reply::kind::text)
    return {};
  return r.items[0].text;
}

std::string_view text_at(const reply& r, std::size_t i) {
  return i < r.items.size() ? std::string_view(r.items[i].text) : std::string_view{};
}

std::optional<std::int64_t> integer_at(const reply& r, std::size_t i) {
  if (i >= r.items.size() || r.items[i].type != reply::kind::integer)
    return std::nullopt;
  return r.items[i].integer;
}

struct what_to_read {
  std::string key;
  std::string what, first, second;
};

operation make_check(const tenant_id& t, const reading& r, what_to_read w) {
  return {{w.key.empty() ? keys::tenant(t) : std::move(w.key)},
          {"check", r.check_key ? r.key.hash.hex() : std::string{}, r.key.stamp,
           std::to_string(r.version), flag(r.count), std::move(w.what), std::move(w.first),
           std::move(w.second)}};
}

} // namespace

std::size_t operation::bytes() const {
  std::size_t n = 0;
  for (const auto& a : arguments)
    n += a.size();
  return n;
}

// -- admission ----------------------------------------------------------------

operation admit(const tenant_id& t, const admission& a) {
  auto id = a.operation.text();
  auto unused = keys::tenant(t);
  operation op;
  op.keys = {a.is_run ? keys::record(t, id) : unused, a.is_run ? keys::history(t, a.agent) : unused,
             a.idempotency_key.empty() ? unused : keys::idempotency(t, a.agent, a.idempotency_key)};
  op.arguments = {"admit",
                  a.is_run ? "r" : "c",
                  std::move(id),
                  a.key.hash.hex(),
                  a.key.stamp,
                  std::to_string(a.version),
                  std::to_string(a.not_after_ms),
                  a.agent,
                  flag(a.refuse),
                  limit_text(a.limits.requests_per_day),
                  limit_text(a.limits.runs_per_month),
                  limit_text(a.limits.tokens_per_month),
                  std::to_string(a.tokens),
                  flag(a.sent_before),
                  a.idempotency_key.empty() ? std::string{} : a.body_hash,
                  a.record_head};
  return op;
}

std::optional<admission_result> read_admission(const reply& r) {
  using verdict = admission_result::verdict;
  static constexpr std::array<std::pair<std::string_view, verdict>, 11> words{{
      {"OK", verdict::admitted},
      {"LATE", verdict::late},
      {"FENCED", verdict::fenced},
      {"NOKEY", verdict::no_key},
      {"STALE", verdict::stale},
      {"CONFLICT", verdict::conflict},
      {"REPLAY", verdict::replay},
      {"REFUSED", verdict::refused},
      {"DAY", verdict::daily_limit},
      {"RUNS", verdict::run_quota},
      {"TOKENS", verdict::token_quota},
  }};
  for (const auto& [word, what] : words) {
    if (word_of(r) != word)
      continue;
    admission_result result;
    result.what = what;
    const std::size_t left = what == verdict::admitted ? 2 : 1;
    if (what == verdict::admitted)
      result.started_ms = integer_at(r, 1).value_or(0);
    if (what == verdict::replay)
      result.run = text_at(r, 1);
    else {
      result.day_left = integer_at(r, left);
      result.tokens_left = integer_at(r, left + 1);
    }
    return result;
  }
  return std::nullopt;
}

// -- progress and end ---------------------------------------------------------

operation progress(const operation_id& id, std::int64_t tokens) {
  return {{}, {"progress", id.text(), std::to_string(tokens)}};
}

bool has_ended(const reply& r) {
  return word_of(r) == "ENDED";
}

const char* to_string(ending e) noexcept {
  switch (e) {
  case ending::completed: return "completed";
  case ending::failed: return "failed";
  case ending::cancelled: return "cancelled";
  }
  return "failed";
}

namespace {

std::vector<std::string> ending_keys(const tenant_id& t, const std::string& id,
                                     const std::string& agent) {
  return {agent.empty() ? keys::tenant(t) : keys::record(t, id)};
}

} // namespace

operation finish(const tenant_id& t, const operation_id& id, const std::string& agent,
                 finish_figures figures, std::string record) {
  auto text = id.text();
  auto op_keys = ending_keys(t, text, agent);
  return {std::move(op_keys),
          {"finish", std::move(text), to_string(figures.how), std::to_string(figures.tokens),
           std::to_string(figures.duration_ms), std::move(record)}};
}

operation settle(const tenant_id& t, const operation_id& id, const std::string& agent,
                 settlement end) {
  auto text = id.text();
  auto op_keys = ending_keys(t, text, agent);
  return {std::move(op_keys),
          {"settle", std::move(text), to_string(end.how), std::move(end.error_json),
           limit_text(end.not_after_ms)}};
}

std::optional<end_result> read_end(const reply& r) {
  using verdict = end_result::verdict;
  auto word = word_of(r);
  if (word == "OK")
    return end_result{verdict::ended_now, std::string(text_at(r, 1))};
  if (word == "ENDED")
    return end_result{verdict::ended_before, std::string(text_at(r, 1)), text_at(r, 2) == "fenced"};
  if (word == "EARLY")
    return end_result{verdict::early, {}};
  return std::nullopt;
}

// -- reads --------------------------------------------------------------------

operation check(const tenant_id& t, const reading& r) {
  return make_check(t, r, {});
}

operation check_usage(const tenant_id& t, const reading& r) {
  return make_check(t, r, {{}, "usage", {}, {}});
}

operation check_keys(const tenant_id& t, const reading& r) {
  return make_check(t, r, {{}, "keys", {}, {}});
}

operation check_run(const tenant_id& t, const reading& r, const operation_id& run) {
  auto id = run.text();
  return make_check(t, r, {keys::record(t, id), "run", id, {}});
}

operation check_runs(const tenant_id& t, const reading& r, const std::string& agent,
                     std::int64_t first, std::int64_t last) {
  return make_check(t, r,
                    {keys::history(t, agent), "runs", std::to_string(first), std::to_string(last)});
}

operation count_call(const tenant_id& t) {
  return {{keys::tenant(t)}, {"check", "", "", "", "1", "", "", ""}};
}

std::optional<check_verdict> read_check(const reply& r) {
  auto word = word_of(r);
  if (word == "OK")
    return check_verdict::ok;
  if (word == "NOKEY")
    return check_verdict::no_key;
  if (word == "STALE")
    return check_verdict::stale;
  return std::nullopt;
}

// -- batch --------------------------------------------------------------------

command batch(const tenant_id& t, const incarnation_id& node,
              const std::vector<operation>& operations) {
  static const script& with_admissions = script_named("batch");
  static const script& endings_only = script_named("batch_ending");
  command c;
  c.run = &endings_only;
  c.arguments = {keys::tenant(t), keys::usage(t), keys::open(t), keys::last_used(t)};
  for (const auto& op : operations) {
    c.arguments.insert(c.arguments.end(), op.keys.begin(), op.keys.end());
    if (op.is_admission())
      c.run = &with_admissions;
  }
  c.keys = c.arguments.size();
  c.arguments.push_back(node.text());
  for (const auto& op : operations)
    c.arguments.insert(c.arguments.end(), op.arguments.begin(), op.arguments.end());
  return c;
}

std::optional<batch_results> read_batch(reply r, std::size_t count) {
  if (r.type != reply::kind::array || r.items.size() != count + 1 ||
      r.items[0].type != reply::kind::integer)
    return std::nullopt;
  batch_results out;
  out.now_ms = r.items[0].integer;
  out.results.assign(std::make_move_iterator(r.items.begin() + 1),
                     std::make_move_iterator(r.items.end()));
  for (const auto& result : out.results)
    if (word_of(result) == "BROKEN")
      log::error("the store could not carry out an operation", {{"error", text_at(result, 1)}});
  return out;
}

std::optional<open_entry> read_open_entry(std::string_view text) {
  std::array<std::string_view, 6> part;
  for (std::size_t i = 0; i < part.size(); ++i) {
    auto bar = i + 1 < part.size() ? text.find('|') : text.size();
    if (bar == std::string_view::npos)
      return std::nullopt;
    part[i] = text.substr(0, bar);
    text.remove_prefix(std::min(bar + 1, text.size()));
  }
  auto tokens = number(part[3]);
  auto started = number(part[4]);
  if (!tokens || !started)
    return std::nullopt;
  return open_entry{part[0] == "r", std::string(part[1]), std::string(part[2]), *tokens,
                    *started,       std::string(part[5])};
}

} // namespace ares::store
