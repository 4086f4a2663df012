#include "store/audit_log.hpp"

#include "conf/clock.hpp"
#include "store/keys.hpp"

namespace ares::store {

namespace {

constexpr std::size_t batch_entries = 100;

std::string start_of_entry(const std::string& id) {
  return R"({"id":")" + id + '"';
}

} // namespace

std::string audit_entry(const uuid& id, const author& by, const audit_event& what) {
  ordered_json entry;
  entry["id"] = id.text(); // first: the log is sorted by it
  entry["at"] = rfc3339(id.unix_ms());
  entry["actor"] = by.actor;
  entry["action"] = what.action;
  entry["tenant_id"] = what.tenant.text();
  entry["target"] = what.target;
  entry["request_id"] = by.request_id;
  if (!what.details.is_null())
    entry["details"] = what.details;
  return entry.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

result<std::monostate> audit_log::collect(const tenant_id& t) {
  const auto outbox = keys::outbox(t);
  for (;;) {
    auto waiting = calls_.call({"LRANGE", outbox, "0", std::to_string(batch_entries - 1)});
    if (!waiting)
      return waiting.failure();
    if (waiting->items.empty())
      return std::monostate{};
    std::vector<std::string> add{"ZADD", keys::audit()};
    std::vector<std::vector<std::string>> remove;
    for (auto& entry : waiting->items) {
      remove.push_back({"LREM", outbox, "1", entry.text});
      add.emplace_back("0");
      add.push_back(std::move(entry.text));
    }
    if (auto added = calls_.call(std::move(add)); !added)
      return added.failure();
    // By value, not by position: another collector may have been here in between.
    if (auto removed = calls_.call_all(std::move(remove)); !removed)
      return removed.failure();
    auto cut = calls_.call(
        {"ZREMRANGEBYRANK", keys::audit(), "0", std::to_string(-(audit_entries_max + 1))});
    if (!cut)
      return cut.failure();
  }
}

result<page_of<std::string>> audit_log::read(const page& p) {
  const auto newest = p.after.empty() ? "+" : "(" + start_of_entry(p.after);
  auto found = calls_.call({"ZRANGE", keys::audit(), newest, "-", "BYLEX", "REV", "LIMIT", "0",
                            std::to_string(p.limit + 1)});
  if (!found)
    return found.failure();
  page_of<std::string> entries;
  for (auto& item : found->items) {
    if (entries.items.size() == p.limit) {
      // An entry starts {"id":"<36 characters>".
      entries.next = entries.items.back().substr(start_of_entry("").size() - 1, 36);
      break;
    }
    entries.items.push_back(std::move(item.text));
  }
  return entries;
}

} // namespace ares::store
