// The keys of a tenant.
#include "store/keys.hpp"
#include "store/tenants.hpp"

#include <algorithm>
#include <cstdlib>

namespace ares::store {

namespace {

std::optional<std::int64_t> last_use(const reply& hash, const std::string& id) {
  for (std::size_t i = 0; i + 1 < hash.items.size(); i += 2)
    if (hash.items[i].text == id)
      return std::strtoll(hash.items[i + 1].text.c_str(), nullptr, 10);
  return std::nullopt;
}

} // namespace

result<issued_key> tenant_store::create_key(const tenant_id& t, const new_key& k,
                                            const author& by) {
  auto key = announce_key(t);
  if (!key)
    return key;
  const auto hash = key->secret.hash();
  ordered_json details{{"name", k.name}, {"prefix", key->secret.prefix()}};
  if (k.expires_in_days)
    details["expires_in_days"] = *k.expires_in_days;
  auto r =
      apply("tenant_key_put", {keys::tenant(t), keys::outbox(t)},
            begin(by, {"key.create", t, key->id.text(), std::move(details)}),
            {hash.hex(), k.expires_in_days ? std::to_string(*k.expires_in_days) : "",
             key_head(key->id, k.name, key->secret.prefix()), std::to_string(keys_per_tenant_max)});
  const bool full = r && word_of_script(*r) == "FULL";
  if (full || (!r && r.failure().code == errc::not_found))
    (void)calls_.call({"DEL", keys::key_hint(hash)});
  if (!r)
    return r.failure();
  if (full)
    return error{errc::invalid_request,
                 "A tenant can have at most " + std::to_string(keys_per_tenant_max) + " API keys"};
  key->created_s = std::stoll(text_of_script(*r, 1)) / 1000;
  collect_quietly(t);
  return key;
}

result<page_of<key_record>> tenant_store::list_keys(const tenant_id& t, const page& p) {
  auto stored = calls_.call_all({{"HGETALL", keys::tenant(t)}, {"HGETALL", keys::last_used(t)}});
  if (!stored)
    return stored.failure();
  bool active = false;
  std::vector<key_record> all;
  const auto& fields = (*stored)[0].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i].text == "state")
      active = fields[i + 1].text == "active";
    if (!fields[i].text.starts_with("k:"))
      continue;
    if (auto key = read_key_record(fields[i + 1].text))
      if (p.after.empty() || key->id < p.after)
        all.push_back(std::move(*key));
  }
  if (!active)
    return error{errc::not_found, "No such tenant"};
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  page_of<key_record> found;
  if (all.size() > p.limit) {
    all.resize(p.limit);
    found.next = all.back().id;
  }
  for (auto& key : all)
    key.last_used_s = last_use((*stored)[1], key.id);
  found.items = std::move(all);
  return found;
}

result<std::monostate> tenant_store::revoke_key(const tenant_id& t, const key_id& k,
                                                const author& by) {
  auto r = apply("tenant_key_drop", {keys::tenant(t), keys::outbox(t), keys::last_used(t)},
                 begin(by, {"key.revoke", t, k.text()}), {k.text()});
  if (!r)
    return r.failure();
  if (word_of_script(*r) == "NONE")
    return error{errc::not_found, "No such API key"};
  // The key is refused already; its hint leads nowhere and need not be gone.
  if (auto hash = text_of_script(*r, 2); hash != "again")
    (void)calls_.call({"DEL", keys::key_hint_of(hash)});
  collect_quietly(t);
  return std::monostate{};
}

} // namespace ares::store
