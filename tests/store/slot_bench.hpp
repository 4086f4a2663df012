// One tenant's slot as nodes see it: operations in, results out, and what then stands in Redis.
#pragma once

#include "store/blocking_calls.hpp"
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "store/operations.hpp"
#include "store/record.hpp"
#include "store/scripts.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <map>
#include <string>
#include <vector>

namespace ares::tests {

using namespace ares::store;

/// What stands under a key: its type, and its content as texts (fields and values, members, bytes).
struct stored_value {
  std::string type;
  std::vector<std::string> items;

  friend bool operator==(const stored_value&, const stored_value&) = default;
  [[nodiscard]] std::map<std::string, std::string> fields() const;
};
using stored_state = std::map<std::string, stored_value>;

/// A connection to a test's server that waits for its answers as long as it takes.
class patient_connection {
public:
  explicit patient_connection(const std::string& url) : connection_({url}, clock) {}

  reply ask(std::vector<std::string> arguments);
  reply run(const std::string& script, std::vector<std::string> keys,
            std::vector<std::string> arguments);
  answer call(command c);
  /// All that is in Redis, as of one moment.
  stored_state everything();

  store_clock clock;

private:
  redis connection_;
};

/// An active tenant with one key and one agent, made by hand: only operations are looked at here.
class slot_bench {
public:
  explicit slot_bench(test_server_options options = {});

  std::vector<reply> send(const std::vector<operation>& operations);
  reply send_one(const operation& op) { return send({op}).at(0); }
  admission_result admit_now(const admission& a);
  end_result end_now(const operation& op);

  [[nodiscard]] admission new_run(const std::string& input = R"({"message":"hi"})");
  [[nodiscard]] admission new_chat();
  [[nodiscard]] reading new_reading() const { return {key, 1, true}; }

  reply ask(std::vector<std::string> arguments) { return store.ask(std::move(arguments)); }
  /// A counter of {T}:u whose date is of today: "dr" runs of the day, "mt" tokens of the month.
  std::int64_t used(const std::string& which);
  std::string record(const operation_id& run);
  std::optional<open_entry> entry(const operation_id& id);
  agent_statistics statistics();

  test_server server;
  patient_connection store;
  id_generator ids;
  tenant_id tenant;
  incarnation_id node;
  acting_key key;
  std::string agent;
};

/// Waits until the UTC day will not end within the next half minute.
void stay_away_from_midnight(const store_clock& clock);

} // namespace ares::tests
