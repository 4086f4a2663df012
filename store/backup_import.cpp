#include "conf/log.hpp"
#include "store/backup.hpp"
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "store/operations.hpp"
#include "store/record.hpp"
#include "store/schema.hpp"

#include <algorithm>

namespace ares::store {

namespace {

constexpr std::size_t pieces_per_write = 200;
constexpr std::size_t bytes_per_write = 1u << 20;
constexpr std::size_t ends_per_batch = 100;
constexpr int attempts_max = 4;
constexpr json_limits line_limits{80}; // a line holds a run, that holds a request's body
constexpr const char* claim_seconds = "600";

error wrong(const std::string& why) {
  return {errc::invalid_request, why};
}

std::string text_at(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::int64_t number_at(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

bool is_hex_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool holds_texts_only(const json& object) {
  return object.is_object() && std::all_of(object.begin(), object.end(),
                                           [](const json& value) { return value.is_string(); });
}

ending ending_named(const std::string& status) {
  return status == "completed"   ? ending::completed
         : status == "cancelled" ? ending::cancelled
                                 : ending::failed;
}

result<std::monostate> plain(const result<reply>& r) {
  return r ? result<std::monostate>(std::monostate{}) : r.failure();
}

} // namespace

tenant_import::tenant_import(redis& connection, tenant_store& tenants, id_generator& ids,
                             existing_tenants existing)
    : redis_(connection), calls_(connection), tenants_(tenants), ids_(ids), existing_(existing),
      import_(ids.next().text()) {}

tenant_import::~tenant_import() {
  give_up();
}

/// What there is of an unfinished tenant goes; where it cannot now, a sweep removes it later.
void tenant_import::give_up() {
  if (!now_ || now_->skipped)
    return;
  if (auto gone = tenants_.drop_import(now_->id, std::chrono::seconds(0)); !gone)
    log::warn("the rest of an import is removed later", {{"tenant_id", now_->id.text()}});
  now_.reset();
}

result<std::monostate> tenant_import::take(std::string_view line) {
  if (line.empty())
    return std::monostate{};
  if (line.size() > backup_line_bytes_max)
    return wrong("The line is too long");
  auto value = parse_json(line, line_limits);
  if (!value)
    return value.failure();
  if (!value->is_object())
    return wrong("The line is no JSON object");
  if (!begun_)
    return header(*value);
  if (value->contains("audit"))
    return now_ ? result<std::monostate>(wrong("An audit entry stands inside a tenant"))
                : audit_line(json_member(line, "audit"));
  return tenant_line(*value, line);
}

result<std::monostate> tenant_import::finish() {
  if (!begun_)
    return wrong("This is no backup: its first line is missing");
  if (!now_)
    return std::monostate{};
  give_up();
  return wrong("The backup ends within a tenant: that one is not imported");
}

result<std::monostate> tenant_import::header(const json& line) {
  if (number_at(line, "ares_backup") != backup_format)
    return wrong("This is no backup of ares, or one of another format");
  if (number_at(line, "schema") != schema_version)
    return wrong("The backup is of another layout of the store");
  begun_ = true;
  return std::monostate{};
}

result<std::monostate> tenant_import::tenant_line(const json& line, std::string_view text) {
  const auto id = tenant_id::parse(text_at(line, "tenant"));
  if (!id)
    return wrong("The line names no tenant");
  if (line.contains("fields"))
    return now_ ? result<std::monostate>(wrong("A tenant begins within another"))
                : begin_tenant(line);
  if (!now_ || now_->id != *id)
    return wrong("The line belongs to a tenant that has not begun");
  if (line.contains("end"))
    return end_line(line);
  if (now_->skipped)
    return std::monostate{};
  if (line.contains("run"))
    return run_line(line, text);
  if (line.contains("agent"))
    return agent_line(line, text);
  if (line.contains("deleted_agent"))
    return deleted_agent(line["deleted_agent"]);
  if (line.contains("open"))
    return open_line(line["open"]);
  if (line.contains("last_used"))
    return fields_line(line, "last_used", keys::last_used(*id));
  if (line.contains("usage"))
    return fields_line(line, "usage", keys::usage(*id));
  return wrong("The line holds nothing that is known");
}

result<std::monostate> tenant_import::begin_tenant(const json& line) {
  const auto& fields = line["fields"];
  arrival a{*tenant_id::parse(text_at(line, "tenant")), {}, false, {}, {}, 0, 0};
  if (!holds_texts_only(fields) || text_at(fields, "name").empty() ||
      text_at(fields, "tier").empty() ||
      text_at(fields, "schema") != std::to_string(schema_version))
    return wrong("fields: a tenant has a name, a tier and the schema of its backup");
  a.name = text_at(fields, "name");
  std::vector<std::string> arguments{import_, "id", a.id.text()};
  for (const auto& [name, value] : fields.items()) {
    if (name.starts_with("k:")) {
      if (!is_hex_hash(std::string_view(name).substr(2)))
        return wrong("fields: a key is named by its SHA-256");
      a.key_hashes.push_back(name.substr(2));
    }
    arguments.push_back(name);
    arguments.push_back(value.get<std::string>());
  }
  if (a.key_hashes.size() > keys_per_tenant_max)
    return wrong("fields: the tenant has too many keys");
  if (auto free = check_keys_are_free(a); !free)
    return free;
  auto begun = calls_.run("tenant_import_begin", {keys::tenant(a.id)}, std::move(arguments));
  if (!begun)
    return begun.failure();
  if (word_of_script(*begun) != "OK") {
    if (existing_ == existing_tenants::refuse)
      return error{errc::already_exists, "The tenant \"" + a.name + "\" exists already"};
    a.skipped = true;
    now_ = std::move(a);
    return std::monostate{};
  }
  now_ = std::move(a);
  auto claimed = calls_.run("tenant_name_claim", {keys::name_claim(now_->name)},
                            {now_->id.text(), claim_seconds});
  if (claimed && word_of_script(*claimed) != "OK") {
    auto name = now_->name;
    give_up();
    return error{errc::already_exists, "Another tenant has the name \"" + name + '"'};
  }
  if (!claimed)
    return claimed.failure();
  return plain(calls_.call({"ZADD", keys::tenants(), "0", now_->id.text()}));
}

result<std::monostate> tenant_import::agent_line(const json& line, std::string_view text) {
  const std::string stored(json_member(text, "agent"));
  const auto agent = read_agent_record(stored);
  if (!agent || !agent_id::parse(agent->id) || agent->name != text_at(line["agent"], "name"))
    return wrong("agent: this is no agent");
  if (++now_->agents > static_cast<std::int64_t>(agents_per_tenant_max))
    return wrong("The tenant has too many agents");
  put("HSET", keys::agents(now_->id), {agent->name, stored});
  return flush_if_full();
}

result<std::monostate> tenant_import::deleted_agent(const json& gone) {
  const auto id = agent_id::parse(gone.is_object() ? text_at(gone, "id") : "");
  if (!id)
    return wrong("deleted_agent: it has no id");
  put("HSET", keys::gone_agents(now_->id), {id->text(), text_at(gone, "name")});
  return flush_if_full();
}

result<std::monostate> tenant_import::fields_line(const json& line, const char* name,
                                                  const std::string& key) {
  const auto& fields = line[name];
  if (!holds_texts_only(fields))
    return wrong(std::string(name) + ": these are no figures");
  for (const auto& [field, value] : fields.items()) {
    if (key == keys::usage(now_->id) && !read_row(field, value.get_ref<const std::string&>()))
      return wrong("usage: " + field + " is no row of figures");
    put("HSET", key, {field, value.get<std::string>()});
    if (auto written = flush_if_full(); !written)
      return written;
  }
  return std::monostate{};
}

result<std::monostate> tenant_import::open_line(const json& open) {
  const auto id = operation_id::parse(open.is_object() ? text_at(open, "id") : "");
  const auto entry = open.is_object() ? read_open_entry(text_at(open, "entry")) : std::nullopt;
  if (!id || !entry)
    return wrong("open: this is no open entry");
  put("HSET", keys::open(now_->id), {id->text(), text_at(open, "entry")});
  now_->open[id->text()] = {entry->agent, {}};
  return flush_if_full();
}

result<std::monostate> tenant_import::run_line(const json& line, std::string_view text) {
  const auto& run = line["run"];
  const auto agent = agent_id::parse(text_at(line, "agent_id"));
  const auto id = operation_id::parse(run.is_object() ? text_at(run, "id") : "");
  if (!agent || !id || text_at(run, "agent_id") != agent->text())
    return wrong("run: this is no run of that agent");
  std::string record(json_member(text, "run"));
  auto open = now_->open.find(id->text());
  const bool ended = !is_running(record);
  if (!ended && open == now_->open.end())
    return wrong("run: it goes on, and is not among those under way");
  ++now_->runs;
  put("ZADD", keys::history(now_->id, agent->text()), {"0", id->text()});
  if (ended && open != now_->open.end())
    open->second.record = record;
  put("SET", keys::record(now_->id, id->text()), {std::move(record)});
  return flush_if_full();
}

result<std::monostate> tenant_import::end_line(const json& line) {
  if (now_->skipped) {
    ++counts_.tenants_skipped;
    now_.reset();
    return std::monostate{};
  }
  if (!line["end"].is_object() || number_at(line["end"], "runs") != now_->runs)
    return wrong("The tenant's runs are not all there");
  for (auto step : {&tenant_import::flush, &tenant_import::end_open, &tenant_import::point_keys})
    if (auto done = (this->*step)(); !done)
      return done;
  auto final =
      calls_.run("tenant_name_finalize", {keys::name_claim(now_->name)}, {now_->id.text()});
  if (!final)
    return final.failure();
  if (word_of_script(*final) != "OK")
    return error{errc::already_exists, "Another tenant has the name \"" + now_->name + '"'};
  auto visible = calls_.run("tenant_activate", {keys::tenant(now_->id)}, {});
  if (!visible)
    return visible.failure();
  ++counts_.tenants;
  counts_.agents += now_->agents;
  counts_.runs += now_->runs;
  counts_.keys += static_cast<std::int64_t>(now_->key_hashes.size());
  now_.reset();
  return std::monostate{};
}

/// Those that ended while they were exported end here as they did there, and the others as lost:
/// by the operations that every end takes, so that the figures come out right.
result<std::monostate> tenant_import::end_open() {
  std::vector<operation> ends;
  const incarnation_id nobody = ids_.make<incarnation_id>();
  const auto send = [&]() -> result<std::monostate> {
    if (ends.empty())
      return std::monostate{};
    answer a; // what was counted once is not counted again, however often it is sent
    for (int attempt = 0; attempt < attempts_max && a.what != fate::done; ++attempt)
      a = redis_.call(batch(now_->id, nobody, ends));
    auto results =
        a.what == fate::done ? read_batch(std::move(a.value), ends.size()) : std::nullopt;
    ends.clear();
    if (!results)
      return error{errc::store_unavailable, "The store is not available now"};
    return std::monostate{};
  };
  for (auto& [text, o] : now_->open) {
    const auto id = *operation_id::parse(text);
    if (o.record.empty()) {
      ends.push_back(store::settle(now_->id, id, o.agent, {ending::failed, R"("node lost")"}));
    } else {
      const auto record = json::parse(o.record, nullptr, false);
      ends.push_back(
          store::finish(now_->id, id, o.agent,
                        {ending_named(text_at(record, "status")), number_at(record, "tokens_used"),
                         number_at(record, "duration_ms")},
                        std::move(o.record)));
    }
    if (ends.size() == ends_per_batch)
      if (auto sent = send(); !sent)
        return sent;
  }
  return send();
}

/// Before anything is written: what an import leaves is removed with the hints of its keys.
result<std::monostate> tenant_import::check_keys_are_free(const arrival& a) {
  std::vector<std::vector<std::string>> questions;
  for (const auto& hash : a.key_hashes)
    questions.push_back({"GET", keys::key_hint_of(hash)});
  auto owners = calls_.call_all(std::move(questions));
  if (!owners)
    return owners.failure();
  for (const auto& owner : *owners)
    if (owner.type != reply::kind::nil && owner.text != a.id.text())
      return error{errc::already_exists, "A key of \"" + a.name + "\" is another tenant's"};
  return std::monostate{};
}

/// The hints that lead from keys to this tenant.
result<std::monostate> tenant_import::point_keys() {
  for (const auto& hash : now_->key_hashes)
    if (auto placed = calls_.call({"SET", keys::key_hint_of(hash), now_->id.text()}); !placed)
      return placed.failure();
  return std::monostate{};
}

result<std::monostate> tenant_import::audit_line(std::string_view text) {
  const auto entry = json::parse(text, nullptr, false);
  if (!entry.is_object() || !uuid::parse(text_at(entry, "id")) || !text.starts_with(R"({"id":)"))
    return wrong("audit: this is no audit entry");
  ++counts_.audit_entries;
  return plain(calls_.call({"ZADD", keys::audit(), "0", std::string(text)}));
}

// -- pieces -------------------------------------------------------------------

void tenant_import::put(const char* command, std::string key, std::vector<std::string> arguments) {
  keys_.push_back(std::move(key));
  pieces_.emplace_back(command);
  pieces_.push_back(std::to_string(keys_.size() + 1)); // behind the tenant's own
  pieces_.push_back(std::to_string(arguments.size()));
  for (auto& a : arguments) {
    piece_bytes_ += a.size();
    pieces_.push_back(std::move(a));
  }
}

result<std::monostate> tenant_import::flush_if_full() {
  if (keys_.size() < pieces_per_write && piece_bytes_ < bytes_per_write)
    return std::monostate{};
  return flush();
}

result<std::monostate> tenant_import::flush() {
  if (keys_.empty())
    return std::monostate{};
  std::vector<std::string> names{keys::tenant(now_->id)}, arguments{import_};
  names.insert(names.end(), std::make_move_iterator(keys_.begin()),
               std::make_move_iterator(keys_.end()));
  arguments.insert(arguments.end(), std::make_move_iterator(pieces_.begin()),
                   std::make_move_iterator(pieces_.end()));
  keys_.clear();
  pieces_.clear();
  piece_bytes_ = 0;
  auto written = calls_.run("tenant_import_write", std::move(names), std::move(arguments));
  if (!written)
    return written.failure();
  if (word_of_script(*written) != "OK")
    return error{errc::store_unavailable, "The import stood still for too long and was given up"};
  return std::monostate{};
}

} // namespace ares::store
