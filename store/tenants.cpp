#include "store/tenants.hpp"

#include "conf/log.hpp"
#include "store/keys.hpp"

#include <cstdlib>

namespace ares::store {

namespace {

/// A change that Redis gets to see later than this writes nothing: longer than all attempts of a
/// call.
constexpr std::int64_t change_ms_max = 5000;
/// A tenant is created within this time of its id, or not at all: `sweep` relies on it.
constexpr std::int64_t creation_ms_max = 20000;
/// A claim that is not made final is forgotten: far longer than a creation may take.
constexpr const char* claim_seconds = "600";
constexpr std::size_t list_step = 200;

error name_taken(const std::string& name) {
  return {errc::already_exists, "A tenant named '" + name + "' exists already"};
}

} // namespace

tenant_store::tenant_store(redis& connection, const store_clock& clock, id_generator& ids)
    : calls_(connection), clock_(clock), ids_(ids), audit_(calls_) {}

// -- changes ------------------------------------------------------------------

tenant_store::change tenant_store::begin(const author& by, const audit_event& what) {
  const auto id = ids_.next();
  return {id, {id.text(), audit_entry(id, by, what), std::to_string(id.unix_ms() + change_ms_max)}};
}

/// The script's answer, where it is not a refusal that all changes share.
result<reply> tenant_store::apply(std::string_view script, std::vector<std::string> keys, change c,
                                  std::vector<std::string> more) {
  auto arguments = std::move(c.arguments);
  arguments.insert(arguments.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  auto r = calls_.run(script, std::move(keys), std::move(arguments));
  if (!r)
    return r;
  if (word_of_script(*r) == "GONE")
    return error{errc::not_found, "No such tenant"};
  if (word_of_script(*r) == "LATE")
    return error{errc::store_unavailable, "The store is not available now"};
  return r;
}

/// A change has been made; that its audit entry is still in the tenant's slot harms nobody.
void tenant_store::collect_quietly(const tenant_id& t) {
  if (auto moved = audit_.collect(t); !moved)
    log::warn("audit entries are collected later", {{"tenant_id", t.text()}});
}

// -- creation -----------------------------------------------------------------

/// Claim of the name -> pending tenant -> claim final -> active. Whatever interrupts it, either
/// the claim became final and `sweep` activates the tenant, or the tenant never was.
result<created_tenant> tenant_store::create(const new_tenant& wanted, const author& by) {
  const auto id = ids_.make<tenant_id>();
  if (auto claimed = claim_name(id, wanted.name); !claimed)
    return claimed.failure();
  // Before what it points to, so that nothing is in the store that `sweep` cannot find.
  if (auto listed = calls_.call({"ZADD", keys::tenants(), "0", id.text()}); !listed)
    return listed.failure();
  std::optional<issued_key> key;
  if (wanted.key) {
    auto announced = announce_key(id);
    if (!announced)
      return announced.failure();
    key = std::move(*announced);
  }
  auto created = put_tenant(id, wanted, key, by);
  if (!created)
    return created.failure();
  if (key)
    key->created_s = *created / 1000;
  if (auto visible = publish(id, wanted.name); !visible) {
    if (key && visible.failure().code == errc::already_exists)
      (void)calls_.call({"DEL", keys::key_hint(key->secret.hash())});
    return visible.failure();
  }
  collect_quietly(id);
  return created_tenant{{id, wanted.name, wanted.tier, wanted.figures,
                         static_cast<std::int64_t>(wanted.agents.size()), *created},
                        std::move(key)};
}

result<std::monostate> tenant_store::claim_name(const tenant_id& t, const std::string& name) {
  auto r = calls_.run("tenant_name_claim", {keys::name_claim(name)}, {t.text(), claim_seconds});
  if (!r)
    return r.failure();
  if (word_of_script(*r) == "OK")
    return std::monostate{};
  // The owner may have died just before it became visible: nobody else can have the name, so help.
  if (auto owner = tenant_id::parse(text_of_script(*r, 1)))
    (void)calls_.run("tenant_activate", {keys::tenant(*owner)}, {});
  return name_taken(name);
}

/// A key that is not in the store yet, and the hint that will lead to it.
result<issued_key> tenant_store::announce_key(const tenant_id& t) {
  issued_key key{ids_.make<key_id>(), api_key_secret::generate(), 0};
  auto hint = calls_.call({"SET", keys::key_hint(key.secret.hash()), t.text()});
  if (!hint)
    return hint.failure();
  return key;
}

/// Gives the time of creation, ms.
result<std::int64_t> tenant_store::put_tenant(const tenant_id& t, const new_tenant& wanted,
                                              const std::optional<issued_key>& key,
                                              const author& by) {
  ordered_json agents = ordered_json::array();
  for (const auto& a : wanted.agents)
    agents.push_back(a.name);
  ordered_json details{{"name", wanted.name}, {"tier", wanted.tier}, {"agents", agents}};
  if (key)
    details["key_id"] = key->id.text();
  std::vector<std::string> arguments{t.text(),
                                     wanted.name,
                                     wanted.tier,
                                     own_figure_text(wanted.figures.runs),
                                     own_figure_text(wanted.figures.tokens),
                                     own_figure_text(wanted.figures.requests_per_day)};
  if (key) {
    arguments.push_back(key->secret.hash().hex());
    arguments.push_back(wanted.key->expires_in_days ? std::to_string(*wanted.key->expires_in_days)
                                                    : std::string{});
    arguments.push_back(key_head(key->id, wanted.key->name, key->secret.prefix()));
  } else {
    arguments.insert(arguments.end(), 3, std::string{});
  }
  for (const auto& a : wanted.agents) {
    arguments.push_back(a.name);
    arguments.push_back(agent_head(ids_.make<agent_id>().text(), a.name, a.fields));
  }
  auto c = begin(by, {"tenant.create", t, t.text(), std::move(details)});
  c.arguments[2] = std::to_string(t.value.unix_ms() + creation_ms_max);
  auto r = apply("tenant_create", {keys::tenant(t), keys::outbox(t), keys::agents(t)}, std::move(c),
                 std::move(arguments));
  if (!r)
    return r.failure();
  return std::int64_t{std::stoll(text_of_script(*r, 1))};
}

result<std::monostate> tenant_store::publish(const tenant_id& t, const std::string& name) {
  auto final = calls_.run("tenant_name_finalize", {keys::name_claim(name)}, {t.text()});
  if (!final)
    return final.failure();
  if (word_of_script(*final) == "LOST") {
    if (auto gone = discard(t, name); !gone)
      log::warn("a pending tenant is removed later", {{"tenant_id", t.text()}});
    return name_taken(name);
  }
  auto active = calls_.run("tenant_activate", {keys::tenant(t)}, {});
  if (!active)
    return active.failure();
  return std::monostate{};
}

/// A pending tenant goes; unless its claim is final, then it becomes visible after all.
result<std::monostate> tenant_store::discard(const tenant_id& t, const std::string& name) {
  // The claim first: a creator that still goes on can then no longer make it final.
  auto released = calls_.run("tenant_name_release", {keys::name_claim(name)}, {t.text(), "claim"});
  if (!released)
    return released.failure();
  if (word_of_script(*released) == "FINAL") {
    auto active = calls_.run("tenant_activate", {keys::tenant(t)}, {});
    return active ? result<std::monostate>(std::monostate{}) : active.failure();
  }
  if (auto hints = clear_keys(t); !hints)
    return hints;
  auto gone = calls_.run("tenant_discard", {keys::tenant(t), keys::outbox(t), keys::agents(t)}, {});
  if (!gone)
    return gone.failure();
  auto unlisted = calls_.call({"ZREM", keys::tenants(), t.text()});
  return unlisted ? result<std::monostate>(std::monostate{}) : unlisted.failure();
}

// -- reading ------------------------------------------------------------------

/// Nothing where there is no active tenant.
result<std::vector<std::optional<tenant_record>>>
tenant_store::read_records(const std::vector<std::string>& ids) {
  std::vector<std::vector<std::string>> commands;
  for (const auto& text : ids) {
    const auto id = *tenant_id::parse(text);
    commands.push_back({"HMGET", keys::tenant(id), "state", "name", "tier", "created_at", "q_runs",
                        "q_tokens", "q_day"});
    commands.push_back({"HLEN", keys::agents(id)});
  }
  auto replies = calls_.call_all(std::move(commands));
  if (!replies)
    return replies.failure();
  std::vector<std::optional<tenant_record>> records(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& f = (*replies)[2 * i].items;
    if (f.size() != 7 || f[0].text != "active")
      continue;
    records[i] =
        tenant_record{*tenant_id::parse(ids[i]),
                      f[1].text,
                      f[2].text,
                      {read_own_figure(f[4]), read_own_figure(f[5]), read_own_figure(f[6])},
                      (*replies)[2 * i + 1].integer,
                      std::strtoll(f[3].text.c_str(), nullptr, 10)};
  }
  return records;
}

result<tenant_record> tenant_store::get(const tenant_id& t) {
  auto records = read_records({t.text()});
  if (!records)
    return records.failure();
  if (!records->front())
    return error{errc::not_found, "No such tenant"};
  return std::move(*records->front());
}

result<tenant_record> tenant_store::find(const std::string& name) {
  auto claim = calls_.call({"GET", keys::name_claim(name)});
  if (!claim)
    return claim.failure();
  auto owner = tenant_id::parse(std::string_view(claim->text).substr(0, claim->text.find('|')));
  if (!owner)
    return error{errc::not_found, "No such tenant"};
  return get(*owner);
}

result<page_of<tenant_record>> tenant_store::list(const page& p) {
  page_of<tenant_record> found;
  auto below = p.after.empty() ? std::string("+") : "(" + p.after;
  for (;;) {
    auto ids = calls_.call({"ZRANGE", keys::tenants(), below, "-", "BYLEX", "REV", "LIMIT", "0",
                            std::to_string(list_step)});
    if (!ids)
      return ids.failure();
    std::vector<std::string> texts;
    for (auto& item : ids->items)
      if (tenant_id::parse(item.text))
        texts.push_back(std::move(item.text));
    if (texts.empty())
      return found;
    below = "(" + texts.back();
    auto records = read_records(texts);
    if (!records)
      return records.failure();
    for (auto& r : *records) {
      if (!r)
        continue;
      if (found.items.size() == p.limit) {
        found.next = found.items.back().id.text();
        return found;
      }
      found.items.push_back(std::move(*r));
    }
  }
}

// -- quota --------------------------------------------------------------------

result<tenant_record> tenant_store::change_quota(const tenant_id& t, const quota_change& change,
                                                 const author& by) {
  std::vector<std::string> pairs;
  ordered_json details = ordered_json::object();
  if (change.tier) {
    pairs.insert(pairs.end(), {"tier", *change.tier});
    details["tier"] = *change.tier;
  }
  const auto take = [&](const char* field, const char* name, const std::optional<own_figure>& f) {
    if (!f)
      return;
    pairs.insert(pairs.end(), {field, own_figure_text(*f)});
    details[name] = !f->given ? ordered_json("tier") : f->value ? ordered_json(*f->value) : nullptr;
  };
  take("q_runs", "quota_runs", change.runs);
  take("q_tokens", "quota_tokens", change.tokens);
  take("q_day", "requests_per_day", change.requests_per_day);
  auto r = apply("tenant_quota", {keys::tenant(t), keys::outbox(t)},
                 begin(by, {"tenant.quota", t, t.text(), std::move(details)}), std::move(pairs));
  if (!r)
    return r.failure();
  collect_quietly(t);
  return get(t);
}

} // namespace ares::store
