#include "actors/usage_accumulator.hpp"
#include "conf/limits.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

class bench : public actor_fixture {
public:
  bench() {
    listener = keep_alive(system.spawn([this]() -> store_listener::behavior_type {
      return {[this](const store_result& r) { results.push_back(r); }};
    }));
    on_command = [](const store_command& c) -> std::optional<store::answer> {
      if (is_script(c, "node_enlist"))
        return answered(text_reply("OK"));
      return std::nullopt; // the test answers batches
    };
    accumulator = keep_alive(spawn_usage_accumulator(system, node, tenant));
  }
  ~bench() { stop(); }

  /// Under a tag that is its number, from 1.
  void ask(store::operation what, bool persistent = false) {
    caf::anon_send(accumulator, store_request{++asked, std::move(what), persistent, listener});
  }
  void ask_read() { ask(store::check(tenant, {})); }
  void ask_admission(std::string head = {}) {
    store::admission a;
    a.operation = node->ids->make<operation_id>();
    a.record_head = std::move(head);
    ask(store::admit(tenant, a));
  }
  void ask_end() { ask(store::finish(tenant, node->ids->make<operation_id>(), "", {}, ""), true); }

  [[nodiscard]] std::vector<store_command> batches() const {
    std::vector<store_command> all;
    std::copy_if(commands.begin(), commands.end(), std::back_inserter(all), is_batch);
    return all;
  }
  /// The names of the newest batch's operations.
  [[nodiscard]] std::vector<std::string> newest() const {
    std::vector<std::string> names;
    for (const auto& o : operations_of(batches().back()))
      names.push_back(o[0]);
    return names;
  }
  void store_answers() { answer(batches().back(), batch_answer(batches().back())); }
  void store_fails(store::fate what) { answer(batches().back(), lost(what)); }
  [[nodiscard]] std::vector<std::uint64_t> tags_with(store::fate what) const {
    std::vector<std::uint64_t> tags;
    for (const auto& r : results)
      if (r.value.what == what)
        tags.push_back(r.tag);
    return tags;
  }

  std::uint64_t asked = 0;
  std::vector<store_result> results;
  store_listener listener;
  usage_accumulator_actor accumulator;
};

using tags = std::vector<std::uint64_t>;
using names = std::vector<std::string>;

} // namespace

TEST_CASE("operations that arrive while a batch is out share the next one, in order") {
  bench b;
  b.ask_admission();
  b.run();
  b.ask_read();
  b.ask_end();
  b.ask_admission();
  b.run();
  REQUIRE(b.batches().size() == 1);
  CHECK(b.newest() == names{"admit"});
  b.store_answers();
  REQUIRE(b.batches().size() == 2);
  CHECK(b.newest() == names{"check", "finish", "admit"});
  b.store_answers();
  CHECK(b.tags_with(store::fate::done) == tags{1, 2, 3, 4});
  CHECK(b.batches().size() == 2);
}

TEST_CASE("each operation gets its own result, and the clock learns from every batch") {
  bench b;
  b.ask_admission();
  b.run();
  b.ask_read();
  b.ask_read();
  b.run();
  b.store_answers();
  int n = 0;
  b.answer(b.batches().back(), batch_answer(b.batches().back(), [&](const auto&) {
             return words({std::to_string(++n)});
           }));
  REQUIRE(b.results.size() == 3);
  CHECK(b.results[1].value.value.items[0].text == "1");
  CHECK(b.results[2].value.value.items[0].text == "2");
  CHECK(b.clock->now_ms() >= 1773411720000);
  CHECK(b.clock->now_ms() < 1773411720000 + 60000);
}

TEST_CASE("a batch is bounded in operations and in bytes") {
  bench b;
  b.ask_read();
  b.run();
  SECTION("operations") {
    for (std::size_t i = 0; i < limits::batch_operations_max + 10; ++i)
      b.ask_read();
    b.run();
    b.store_answers();
    CHECK(b.newest().size() == limits::batch_operations_max);
    b.store_answers();
    CHECK(b.newest().size() == 10);
  }
  SECTION("bytes") {
    for (int i = 0; i < 3; ++i)
      b.ask_admission(std::string(limits::batch_bytes_max / 2, 'x'));
    b.run();
    b.store_answers();
    CHECK(b.newest().size() == 2);
    b.store_answers();
    CHECK(b.newest().size() == 1);
  }
}

TEST_CASE("what waits is bounded, but for ends") {
  bench b;
  b.ask_read();
  b.run();
  for (std::size_t i = 0; i < limits::tenant_operations_waiting_max; ++i)
    b.ask_read();
  b.ask_read();
  b.ask_end();
  b.run();
  CHECK(b.tags_with(store::fate::unavailable) == tags{limits::tenant_operations_waiting_max + 2});
}

TEST_CASE("an admission is sent once, an end until the store has answered it") {
  bench b;
  b.ask_read();
  b.run();
  b.ask_admission();
  b.ask_end();
  b.ask_read();
  b.run();
  b.store_answers();
  CHECK(b.node->counters->ends_waiting == 1);
  b.ask_read(); // behind the batch that fails
  b.run();
  b.store_fails(store::fate::unknown);
  CHECK(b.tags_with(store::fate::unknown) == tags{2, 4});
  CHECK(b.tags_with(store::fate::unavailable) == tags{5});
  const auto before = b.batches().size();
  b.pass(90ms);
  CHECK(b.batches().size() == before);
  b.pass(10ms);
  REQUIRE(b.batches().size() == before + 1);
  CHECK(b.newest() == names{"finish"});
  CHECK(operations_of(b.batches()[before])[0] == operations_of(b.batches()[before - 1])[1]);
  b.store_fails(store::fate::unavailable);
  b.pass(100ms);
  b.store_answers();
  CHECK(b.tags_with(store::fate::done) == tags{1, 3});
  CHECK_FALSE(b.results.front().sent_before);
  CHECK(b.results.back().sent_before);
  CHECK(b.node->counters->ends_waiting == 0);
}

TEST_CASE(
    "with a full memory admissions are refused, and what else was in the batch goes on at once") {
  bench b;
  b.ask_read();
  b.run();
  b.ask_read();
  b.ask_admission();
  b.ask_end();
  b.ask(store::progress(b.node->ids->make<operation_id>(), 5));
  b.run();
  b.store_answers();
  b.ask_admission(); // not in that batch
  b.run();
  CHECK(is_script(b.batches().back(), "batch"));
  b.store_fails(store::fate::full);
  CHECK(b.tags_with(store::fate::full) == tags{3});
  CHECK(b.newest() == names{"check", "finish", "progress"});
  CHECK(is_script(b.batches().back(), "batch_ending"));
  b.store_answers();
  CHECK(b.tags_with(store::fate::done) == tags{1, 2, 4, 5});
  CHECK(b.newest() == names{"admit"});
  b.store_fails(store::fate::full);
  CHECK(b.tags_with(store::fate::full) == tags{3, 6});
}

TEST_CASE("before its first batch the node is enlisted with the tenant, and again under a new "
          "incarnation") {
  bench b;
  b.ask_admission();
  b.run();
  REQUIRE(b.commands.size() == 2);
  CHECK(is_script(b.commands[0], "node_enlist"));
  const auto& arguments = b.commands[0].what.arguments;
  CHECK(arguments.at(2) == b.node->incarnation->get()->text());
  CHECK(arguments.at(3) == b.tenant.text());
  b.store_answers();
  b.ask_admission();
  b.run();
  CHECK(b.commands.size() == 3);
  b.store_answers();
  b.node->incarnation->set(std::make_shared<incarnation_id>(b.node->ids->make<incarnation_id>()));
  b.ask_admission();
  b.run();
  REQUIRE(b.commands.size() == 5);
  CHECK(is_script(b.commands[3], "node_enlist"));
  const auto keys = b.commands[4].what.keys;
  CHECK(b.commands[4].what.arguments.at(keys) == b.node->incarnation->get()->text());
}

TEST_CASE("a node that cannot be enlisted admits nothing, and its ends wait") {
  bench b;
  bool registered = false;
  b.on_command = [&](const store_command& c) -> std::optional<store::answer> {
    if (is_script(c, "node_enlist"))
      return answered(text_reply(registered ? "OK" : "DEAD"));
    return std::nullopt;
  };
  b.ask_admission();
  b.ask_end();
  b.run();
  CHECK(b.batches().empty());
  CHECK(b.tags_with(store::fate::unavailable) == tags{1});
  registered = true;
  b.pass(100ms);
  REQUIRE(b.batches().size() == 1);
  CHECK(b.newest() == names{"finish"});
}

TEST_CASE("a batch that the store does not understand refuses the admission and keeps the end") {
  bench b;
  b.ask_read();
  b.run();
  b.ask_admission();
  b.ask_end();
  b.run();
  b.store_answers();
  b.answer(b.batches().back(), answered(words({"1773411720000"})));
  CHECK(b.tags_with(store::fate::done) == tags{1});
  CHECK(b.tags_with(store::fate::unavailable) == tags{2});
  b.pass(100ms);
  CHECK(b.newest() == names{"finish"});
}
