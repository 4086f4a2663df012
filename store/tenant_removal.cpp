// The end of a tenant, and the upkeep that finishes what was interrupted.
#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/tenants.hpp"

#include <algorithm>
#include <cstdlib>

namespace ares::store {

namespace {

constexpr std::size_t step = 500; // keys removed, or tenants looked at, in one go

result<std::monostate> plain(const result<reply>& r) {
  return r ? result<std::monostate>(std::monostate{}) : r.failure();
}

std::vector<std::string> unlink_records(const tenant_id& t, const std::vector<reply>& runs) {
  std::vector<std::string> command{"UNLINK"};
  for (const auto& run : runs)
    command.push_back(keys::record(t, run.text));
  return command;
}

} // namespace

// -- removal ------------------------------------------------------------------

/// After the first step the tenant is gone for everybody; the rest may be repeated.
result<std::monostate> tenant_store::remove(const tenant_id& t, const author& by) {
  auto now = get(t);
  if (!now)
    return now.failure();
  auto closed = apply("tenant_close", {keys::tenant(t), keys::outbox(t)},
                      begin(by, {"tenant.delete", t, t.text(), {{"name", now->name}}}), {});
  if (!closed)
    return closed.failure();
  if (auto cleared = clear(t); !cleared)
    log::warn("the rest of a removed tenant is removed later", {{"tenant_id", t.text()}});
  return std::monostate{};
}

/// Whatever finds the rest of it comes last: the records by the histories, those by the agents,
/// all by the tenant, the tenant by the list.
result<std::monostate> tenant_store::clear(const tenant_id& t) {
  if (auto r = clear_keys(t); !r)
    return r;
  if (auto r = audit_.collect(t); !r)
    return r;
  auto name = calls_.call({"HGET", keys::tenant(t), "name"});
  if (!name)
    return name.failure();
  if (name->type != reply::kind::nil) {
    auto released =
        calls_.run("tenant_name_release", {keys::name_claim(name->text)}, {t.text(), "any"});
    if (!released)
      return released.failure();
  }
  if (auto r = clear_open(t); !r)
    return r;
  if (auto r = clear_agents(t); !r)
    return r;
  auto forgotten =
      calls_.run("tenant_forget",
                 {keys::tenant(t), keys::outbox(t), keys::agents(t), keys::gone_agents(t),
                  keys::last_used(t), keys::usage(t), keys::open(t)},
                 {});
  if (!forgotten)
    return forgotten.failure();
  if (word_of_script(*forgotten) != "OK")
    return error{errc::store_unavailable, "The store is not available now"};
  return plain(calls_.call({"ZREM", keys::tenants(), t.text()}));
}

/// The hints of all keys: they lie outside the slot, and only the keys lead to them.
result<std::monostate> tenant_store::clear_keys(const tenant_id& t) {
  auto fields = calls_.call({"HKEYS", keys::tenant(t)});
  if (!fields)
    return fields.failure();
  std::vector<std::vector<std::string>> hints;
  for (const auto& f : fields->items)
    if (f.text.starts_with("k:"))
      hints.push_back({"DEL", keys::key_hint_of(f.text.substr(2))});
  auto gone = calls_.call_all(std::move(hints));
  return gone ? result<std::monostate>(std::monostate{}) : gone.failure();
}

/// What is under way finds no open entry when it ends, and writes nothing.
result<std::monostate> tenant_store::clear_open(const tenant_id& t) {
  for (;;) {
    auto some = calls_.call({"HRANDFIELD", keys::open(t), std::to_string(step)});
    if (!some)
      return some.failure();
    if (some->items.empty())
      return std::monostate{};
    std::vector<std::string> entries{"HDEL", keys::open(t)};
    for (const auto& operation : some->items)
      entries.push_back(operation.text);
    if (auto ended = calls_.call(std::move(entries)); !ended)
      return ended.failure();
    if (auto gone = calls_.call(unlink_records(t, some->items)); !gone)
      return gone.failure();
  }
}

result<std::vector<std::string>> tenant_store::agent_ids(const tenant_id& t) {
  auto agents = calls_.call_all({{"HVALS", keys::agents(t)}, {"HKEYS", keys::gone_agents(t)}});
  if (!agents)
    return agents.failure();
  std::vector<std::string> ids;
  for (const auto& stored : (*agents)[0].items)
    if (auto a = read_agent_record(stored.text))
      ids.push_back(a->id);
  for (const auto& gone : (*agents)[1].items)
    ids.push_back(gone.text);
  return ids;
}

result<std::monostate> tenant_store::clear_agents(const tenant_id& t) {
  auto ids = agent_ids(t);
  if (!ids)
    return ids.failure();
  for (const auto& id : *ids)
    if (auto r = clear_history(t, id); !r)
      return r;
  return std::monostate{};
}

result<std::monostate> tenant_store::clear_history(const tenant_id& t, const std::string& agent) {
  const auto history = keys::history(t, agent);
  for (;;) {
    auto runs = calls_.call({"ZRANGE", history, "0", std::to_string(step - 1)});
    if (!runs)
      return runs.failure();
    if (runs->items.empty())
      return plain(calls_.call({"UNLINK", history}));
    if (auto gone = calls_.call(unlink_records(t, runs->items)); !gone)
      return gone.failure();
    std::vector<std::string> forget{"ZREM", history};
    for (const auto& run : runs->items)
      forget.push_back(run.text);
    if (auto forgotten = calls_.call(std::move(forget)); !forgotten)
      return forgotten.failure();
  }
}

// -- upkeep -------------------------------------------------------------------

result<bool> tenant_store::take_turn(std::chrono::milliseconds interval) {
  auto first = calls_.call({"SET", keys::upkeep(), "1", "NX", "PX",
                            std::to_string(std::max<std::int64_t>(interval.count(), 1))});
  if (!first)
    return first.failure();
  return first->type != reply::kind::nil;
}

result<std::monostate> tenant_store::sweep(std::chrono::milliseconds age_min) {
  std::string above = "-";
  for (;;) {
    auto ids = calls_.call(
        {"ZRANGE", keys::tenants(), above, "+", "BYLEX", "LIMIT", "0", std::to_string(step)});
    if (!ids)
      return ids.failure();
    if (ids->items.empty())
      return std::monostate{};
    std::vector<std::vector<std::string>> questions;
    for (const auto& item : ids->items) {
      auto id = tenant_id::parse(item.text).value_or(tenant_id{});
      questions.push_back({"HGET", keys::tenant(id), "state"});
      questions.push_back({"LLEN", keys::outbox(id)});
    }
    auto states = calls_.call_all(std::move(questions));
    if (!states)
      return states.failure();
    for (std::size_t i = 0; i < ids->items.size(); ++i) {
      const bool settled = (*states)[2 * i].text == "active";
      if (settled && (*states)[2 * i + 1].integer == 0)
        continue;
      if (auto r = sweep_one(ids->items[i].text, age_min); !r)
        return r;
    }
    above = "(" + ids->items.back().text;
  }
}

result<std::monostate> tenant_store::sweep_one(const std::string& text,
                                               std::chrono::milliseconds age_min) {
  auto id = tenant_id::parse(text);
  if (!id)
    return plain(calls_.call({"ZREM", keys::tenants(), text}));
  auto fields = calls_.call({"HMGET", keys::tenant(*id), "state", "name"});
  if (!fields)
    return fields.failure();
  const auto state = text_of_script(*fields, 0);
  if (state == "active")
    return audit_.collect(*id);
  if (state == "deleting")
    return clear(*id);
  if (state == "importing")
    return sweep_import(*id, text_of_script(*fields, 1), age_min);
  if (clock_.now_ms() - id->value.unix_ms() < age_min.count())
    return std::monostate{};
  // Its creator is gone: no creation takes this long, and its script refuses to be late.
  if (state.empty())
    return plain(calls_.call({"ZREM", keys::tenants(), text}));
  if (auto r = discard(*id, text_of_script(*fields, 1)); !r)
    return r;
  return audit_.collect(*id); // it may have become visible
}

result<std::monostate> tenant_store::drop_import(const tenant_id& t, std::chrono::seconds still) {
  auto dropped =
      calls_.run("tenant_import_drop", {keys::tenant(t)}, {std::to_string(still.count())});
  if (!dropped)
    return dropped.failure();
  return word_of_script(*dropped) == "OK" ? clear(t) : result<std::monostate>(std::monostate{});
}

/// As `discard`: an import whose name is final only lacks its last step.
result<std::monostate> tenant_store::sweep_import(const tenant_id& t, const std::string& name,
                                                  std::chrono::milliseconds age_min) {
  auto since = calls_.call({"HGET", keys::tenant(t), "import_at"});
  if (!since)
    return since.failure();
  if (clock_.now_ms() - std::strtoll(since->text.c_str(), nullptr, 10) * 1000 < age_min.count())
    return std::monostate{};
  auto released = calls_.run("tenant_name_release", {keys::name_claim(name)}, {t.text(), "claim"});
  if (!released)
    return released.failure();
  if (word_of_script(*released) == "FINAL")
    return plain(calls_.run("tenant_activate", {keys::tenant(t)}, {}));
  return drop_import(t, std::chrono::duration_cast<std::chrono::seconds>(age_min));
}

} // namespace ares::store
