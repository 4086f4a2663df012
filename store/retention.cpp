// What has been kept long enough leaves: runs, and the counters of days.
#include "store/keys.hpp"
#include "store/record.hpp"
#include "store/tenants.hpp"

#include <algorithm>

namespace ares::store {

namespace {

/// Removed by one script call: about half a millisecond in which Redis does nothing else.
constexpr std::size_t runs_per_call = 200;
/// `GET .../usage/daily` goes back a year.
constexpr const char* usage_days = "400";

} // namespace

/// The turn begins where the last one stopped, whichever node's that was; at the end of the list
/// it begins anew.
result<std::int64_t> tenant_store::trim(int days, trim_bounds bounds) {
  auto mark = calls_.call({"GET", keys::trimmed()});
  if (!mark)
    return mark.failure();
  auto ids = calls_.call({"ZRANGE", keys::tenants(), mark->text.empty() ? "-" : "(" + mark->text,
                          "+", "BYLEX", "LIMIT", "0", std::to_string(bounds.tenants)});
  if (!ids)
    return ids.failure();
  std::int64_t gone = 0;
  std::string done;
  for (const auto& item : ids->items) {
    if (const auto id = tenant_id::parse(item.text)) {
      auto here = trim_tenant(*id, days, bounds.runs - gone);
      if (!here)
        return here.failure();
      gone += *here;
    }
    if (gone >= bounds.runs)
      break; // there may be more of this tenant: the next turn begins with it
    done = item.text;
  }
  const bool whole = done.empty()
                         ? ids->items.empty()
                         : ids->items.size() < bounds.tenants && done == ids->items.back().text;
  if (whole || !done.empty())
    if (auto noted = calls_.call({"SET", keys::trimmed(), whole ? std::string() : done}); !noted)
      return noted.failure();
  return gone;
}

/// Gives how many runs went, at most `runs_max`.
result<std::int64_t> tenant_store::trim_tenant(const tenant_id& t, int days,
                                               std::int64_t runs_max) {
  if (auto days_gone = calls_.run("usage_trim", {keys::usage(t)}, {usage_days}); !days_gone)
    return days_gone.failure();
  auto agents = agent_ids(t);
  if (!agents)
    return agents.failure();
  std::int64_t gone = 0;
  for (const auto& agent : *agents) {
    auto here = trim_history(t, agent, days, runs_max - gone);
    if (!here)
      return here.failure();
    gone += *here;
    if (gone >= runs_max)
      break;
  }
  return gone;
}

/// Asks the node's clock which runs may be old; whether they are, the script decides.
result<std::int64_t> tenant_store::trim_history(const tenant_id& t, const std::string& agent,
                                                int days, std::int64_t runs_max) {
  const auto history = keys::history(t, agent);
  const auto end = "(" + id_start(clock_.now_ms() - std::int64_t{days} * 86'400'000);
  std::string above = "-";
  std::int64_t gone = 0;
  while (gone < runs_max) {
    const auto wanted = std::min<std::int64_t>(runs_per_call, runs_max - gone);
    auto old =
        calls_.call({"ZRANGE", history, above, end, "BYLEX", "LIMIT", "0", std::to_string(wanted)});
    if (!old)
      return old.failure();
    if (old->items.empty())
      break;
    std::vector<std::string> names{keys::open(t), history}, arguments{std::to_string(days)};
    for (auto& run : old->items) {
      names.push_back(keys::record(t, run.text));
      arguments.push_back(std::move(run.text));
    }
    above = "(" + arguments.back(); // those that stay because they are open are not asked for again
    auto trimmed = calls_.run("history_trim", std::move(names), std::move(arguments));
    if (!trimmed)
      return trimmed.failure();
    gone += trimmed->integer;
  }
  return gone;
}

} // namespace ares::store
