#include "tests/store/slot_bench.hpp"

#include "store/counters.hpp"

#include <thread>

namespace ares::tests {

using namespace std::chrono_literals;

namespace {

const std::string dump_script = R"lua(
local sorted = function(t) table.sort(t) return t end
local result = {}
for _, key in ipairs(sorted(redis.call('KEYS', '*'))) do
  local kind = redis.call('TYPE', key).ok
  local items
  if kind == 'string' then items = { redis.call('GET', key) }
  elseif kind == 'list' then items = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then items = sorted(redis.call('SMEMBERS', key))
  elseif kind == 'zset' then items = redis.call('ZRANGE', key, 0, -1)
  else
    items = {}
    for _, field in ipairs(sorted(redis.call('HKEYS', key))) do
      items[#items + 1] = field
      items[#items + 1] = redis.call('HGET', key, field)
    end
  end
  result[#result + 1] = { key, kind, items }
end
return result
)lua";

} // namespace

std::map<std::string, std::string> stored_value::fields() const {
  std::map<std::string, std::string> all;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    all.emplace(items[i], items[i + 1]);
  return all;
}

// -- connection ---------------------------------------------------------------

answer patient_connection::call(command c) {
  c.deadline = 30s;
  return connection_.call(std::move(c));
}

reply patient_connection::ask(std::vector<std::string> arguments) {
  command c;
  c.arguments = std::move(arguments);
  auto a = call(std::move(c));
  REQUIRE(a.what == fate::done);
  CAPTURE(a.value.text);
  REQUIRE(a.value.type != reply::kind::error);
  return std::move(a.value);
}

reply patient_connection::run(const std::string& script, std::vector<std::string> keys,
                              std::vector<std::string> arguments) {
  command c;
  c.run = &script_named(script);
  c.keys = keys.size();
  c.arguments = std::move(keys);
  c.arguments.insert(c.arguments.end(), arguments.begin(), arguments.end());
  auto a = call(std::move(c));
  REQUIRE(a.what == fate::done);
  CAPTURE(a.value.text);
  REQUIRE(a.value.type != reply::kind::error);
  return std::move(a.value);
}

stored_state patient_connection::everything() {
  stored_state state;
  for (const auto& row : ask({"EVAL", dump_script, "0"}).items) {
    stored_value value{row.items.at(1).text, {}};
    for (const auto& item : row.items.at(2).items)
      value.items.push_back(item.text);
    state.emplace(row.items.at(0).text, std::move(value));
  }
  return state;
}

// -- bench --------------------------------------------------------------------

slot_bench::slot_bench(test_server_options options)
    : server(std::move(options)), store(server.url()), ids([this] { return store.clock.now_ms(); }),
      tenant(ids.make<tenant_id>()), node(ids.make<incarnation_id>()),
      key(acting_key{sha256("the tenant's key"), ""}), agent(ids.make<agent_id>().text()) {
  ask({"HSET", keys::tenant(tenant), "v", "1", "state", "active", "k:" + key.hash.hex(),
       R"(0|{"id":"none"})"});
}

std::vector<reply> slot_bench::send(const std::vector<operation>& operations) {
  auto a = store.call(batch(tenant, node, operations));
  REQUIRE(a.what == fate::done);
  CAPTURE(a.value.text);
  auto results = read_batch(std::move(a.value), operations.size());
  REQUIRE(results);
  return std::move(results->results);
}

admission_result slot_bench::admit_now(const admission& a) {
  auto result = read_admission(send_one(admit(tenant, a)));
  REQUIRE(result);
  return *result;
}

end_result slot_bench::end_now(const operation& op) {
  auto result = read_end(send_one(op));
  REQUIRE(result);
  return *result;
}

admission slot_bench::new_run(const std::string& input) {
  admission a;
  a.operation = ids.make<operation_id>();
  a.key = key;
  a.version = 1;
  a.not_after_ms = store.clock.now_ms() + 600'000;
  a.agent = agent;
  a.record_head = record_head(a.operation, agent, input);
  return a;
}

admission slot_bench::new_chat() {
  auto a = new_run();
  a.is_run = false;
  a.agent.clear();
  a.record_head.clear();
  a.tokens = 7;
  return a;
}

std::int64_t slot_bench::used(const std::string& which) {
  const auto day = utc_day(store.clock.now_ms());
  const auto date = which[0] == 'd' ? day : day.substr(0, 7);
  const auto field = which[0] + date;
  const auto row = read_row(field, ask({"HGET", keys::usage(tenant), field}).text);
  return row ? row->at(std::string_view("rtcx").find(which[1])) : 0;
}

std::string slot_bench::record(const operation_id& run) {
  return ask({"GET", keys::record(tenant, run.text())}).text;
}

std::optional<open_entry> slot_bench::entry(const operation_id& id) {
  return read_open_entry(ask({"HGET", keys::open(tenant), id.text()}).text);
}

agent_statistics slot_bench::statistics() {
  return read_agent_statistics(ask({"HGET", keys::usage(tenant), agent_field(agent)}));
}

void stay_away_from_midnight(const store_clock& clock) {
  while (next_utc_day_ms(clock.now_ms()) - clock.now_ms() < 30'000)
    std::this_thread::sleep_for(100ms);
}

} // namespace ares::tests
