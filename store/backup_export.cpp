#include "store/backup.hpp"
#include "store/keys.hpp"
#include "store/record.hpp"
#include "store/schema.hpp"

#include <algorithm>
#include <set>

namespace ares::store {

namespace {

constexpr std::size_t runs_per_read = 200;
constexpr std::size_t audit_per_read = 500;
/// An admission is refused half a second after its id was made: older ids than that are all there.
constexpr std::int64_t settled_after_ms = 10'000;
constexpr int snapshot_attempts_max = 10;
/// Of the answer of tenant_export.lua, before those of the agents.
constexpr std::size_t snapshot_parts = 8;

/// Of a tenant's own hash: what belongs to its life in this store only.
bool stays_here(std::string_view field) {
  static const std::set<std::string_view> names{"v",  "state",  "change",
                                                "id", "import", "import_at"};
  return names.contains(field) || field.starts_with("f:");
}

template <class Visitor> void for_each_field(const reply& hash, Visitor visit) {
  for (std::size_t i = 0; i + 1 < hash.items.size(); i += 2)
    visit(hash.items[i].text, hash.items[i + 1].text);
}

ordered_json object_of(const reply& hash) {
  ordered_json object = ordered_json::object();
  for_each_field(hash, [&](const auto& name, const auto& value) { object[name] = value; });
  return object;
}

std::string text_of(const ordered_json& line) {
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string start_of_line(const tenant_id& t) {
  return R"({"tenant":")" + t.text() + '"';
}

} // namespace

tenant_export::tenant_export(redis& connection, const store_clock& clock, line_sink out)
    : calls_(connection), clock_(clock), out_(std::move(out)) {}

result<std::monostate> tenant_export::begin() {
  return out_(text_of({{"ares_backup", backup_format},
                       {"schema", schema_version},
                       {"exported_at", rfc3339(clock_.now_ms())}}));
}

result<std::monostate> tenant_export::tenant(const tenant_id& t) {
  for (int attempt = 0; attempt < snapshot_attempts_max; ++attempt) {
    std::string version;
    auto agents = agent_ids(t, version);
    if (!agents)
      return agents.failure();
    bound_ = id_start(clock_.now_ms() - settled_after_ms);
    auto s = snapshot(t, *agents, version);
    if (!s)
      return s.failure();
    if (word_of_script(*s) == "GONE")
      return error{errc::not_found, "No such tenant"};
    if (word_of_script(*s) == "OK")
      return write(t, *s, *agents);
  }
  return error{errc::store_unavailable, "The tenant's agents change too fast to be exported"};
}

result<std::vector<std::string>> tenant_export::agent_ids(const tenant_id& t,
                                                          std::string& version) {
  auto stored = calls_.call_all({{"HGET", keys::tenant(t), "v"},
                                 {"HVALS", keys::agents(t)},
                                 {"HKEYS", keys::gone_agents(t)}});
  if (!stored)
    return stored.failure();
  version = (*stored)[0].text;
  std::vector<std::string> ids;
  for (const auto& text : (*stored)[1].items)
    if (auto a = read_agent_record(text.text))
      ids.push_back(a->id);
  for (const auto& gone : (*stored)[2].items)
    ids.push_back(gone.text);
  return ids;
}

result<reply> tenant_export::snapshot(const tenant_id& t, const std::vector<std::string>& agents,
                                      const std::string& version) {
  std::vector<std::string> names{keys::tenant(t),    keys::agents(t), keys::gone_agents(t),
                                 keys::last_used(t), keys::usage(t),  keys::open(t)};
  for (const auto& a : agents)
    names.push_back(keys::history(t, a));
  return calls_.run("tenant_export", std::move(names), {version, "[" + bound_});
}

/// Everything of the snapshot, then the runs, then the line that makes it whole.
result<std::monostate> tenant_export::write(const tenant_id& t, const reply& snapshot,
                                            const std::vector<std::string>& agents) {
  if (snapshot.items.size() != snapshot_parts + agents.size())
    return error{errc::internal, "Internal error"};
  for (const auto& line : figures(t, snapshot))
    if (auto written = out_(line); !written)
      return written;
  const auto runs_before = counts_.runs;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    std::vector<std::string> recent;
    for (const auto& id : snapshot.items[snapshot_parts + i].items)
      recent.push_back(id.text);
    if (auto written = history(t, agents[i], recent); !written)
      return written;
  }
  auto still = calls_.call({"HGET", keys::tenant(t), "state"});
  if (!still)
    return still.failure();
  if (still->text != "active")
    return error{errc::not_found, "The tenant was removed while it was exported"};
  ++counts_.tenants;
  return out_(start_of_line(t) + R"(,"end":)" + text_of({{"runs", counts_.runs - runs_before}}) +
              '}');
}

std::vector<std::string> tenant_export::figures(const tenant_id& t, const reply& snapshot) {
  const auto start = start_of_line(t);
  const auto& parts = snapshot.items; // OK, now, {T}:t :a :g :l :u :open, the agents'
  std::vector<std::string> lines;
  ordered_json own = ordered_json::object();
  for_each_field(parts[2], [&](const std::string& name, const std::string& value) {
    if (stays_here(name))
      return;
    own[name] = value;
    counts_.keys += name.starts_with("k:") ? 1 : 0;
  });
  lines.push_back(start + R"(,"fields":)" + text_of(own) + '}');
  for_each_field(parts[3], [&](const std::string&, const std::string& agent) {
    ++counts_.agents;
    lines.push_back(start + R"(,"agent":)" + agent + '}');
  });
  for_each_field(parts[4], [&](const std::string& id, const std::string& name) {
    lines.push_back(start + R"(,"deleted_agent":)" + text_of({{"id", id}, {"name", name}}) + '}');
  });
  lines.push_back(start + R"(,"last_used":)" + text_of(object_of(parts[5])) + '}');
  lines.push_back(start + R"(,"usage":)" + text_of(object_of(parts[6])) + '}');
  for_each_field(parts[7], [&](const std::string& id, const std::string& entry) {
    lines.push_back(start + R"(,"open":)" + text_of({{"id", id}, {"entry", entry}}) + '}');
  });
  return lines;
}

result<std::monostate> tenant_export::history(const tenant_id& t, const std::string& agent,
                                              const std::vector<std::string>& recent) {
  std::string above = "-";
  for (;;) {
    auto some = calls_.call({"ZRANGE", keys::history(t, agent), above, "(" + bound_, "BYLEX",
                             "LIMIT", "0", std::to_string(runs_per_read)});
    if (!some)
      return some.failure();
    if (some->items.empty())
      break;
    std::vector<std::string> ids;
    for (auto& item : some->items)
      ids.push_back(std::move(item.text));
    if (auto written = runs(t, agent, ids); !written)
      return written;
    above = "(" + ids.back();
  }
  for (std::size_t at = 0; at < recent.size(); at += runs_per_read) {
    const auto end = std::min(at + runs_per_read, recent.size());
    if (auto written = runs(t, agent,
                            {recent.begin() + static_cast<std::ptrdiff_t>(at),
                             recent.begin() + static_cast<std::ptrdiff_t>(end)});
        !written)
      return written;
  }
  return std::monostate{};
}

result<std::monostate> tenant_export::runs(const tenant_id& t, const std::string& agent,
                                           const std::vector<std::string>& ids) {
  std::vector<std::vector<std::string>> reads;
  for (const auto& id : ids)
    reads.push_back({"GET", keys::record(t, id)});
  auto records = calls_.call_all(std::move(reads));
  if (!records)
    return records.failure();
  const auto start = start_of_line(t) + R"(,"agent_id":")" + agent + R"(","run":)";
  for (const auto& record : *records) {
    if (record.text.empty())
      continue; // past its retention just now
    ++counts_.runs;
    if (auto written = out_(start + record.text + '}'); !written)
      return written;
  }
  return std::monostate{};
}

result<std::monostate> tenant_export::audit() {
  std::string above = "-";
  for (;;) {
    auto some = calls_.call({"ZRANGE", keys::audit(), above, "+", "BYLEX", "LIMIT", "0",
                             std::to_string(audit_per_read)});
    if (!some)
      return some.failure();
    if (some->items.empty())
      return std::monostate{};
    above = "(" + some->items.back().text;
    for (const auto& entry : some->items) {
      ++counts_.audit_entries;
      if (auto written = out_(R"({"audit":)" + entry.text + '}'); !written)
        return written;
    }
  }
}

} // namespace ares::store
