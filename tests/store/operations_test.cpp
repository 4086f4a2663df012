#include "conf/json.hpp"
#include "store/counters.hpp"
#include "tests/store/slot_bench.hpp"

using namespace ares;
using namespace ares::tests;
using verdict = admission_result::verdict;
using end = end_result::verdict;

namespace {

admission with_key(admission a, const std::string& key, const std::string& body = "body") {
  a.idempotency_key = key;
  a.body_hash = sha256(body).hex();
  return a;
}

admission again(admission a) {
  a.sent_before = true;
  return a;
}

verdict verdict_of(slot_bench& b, const admission& a) {
  return b.admit_now(a).what;
}

} // namespace

// -- admit --------------------------------------------------------------------

TEST_CASE("an admitted run stands in its record, the history, the statistics, the counters and "
          "among what is open") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto a = b.new_run();
  const auto result = b.admit_now(a);
  CHECK(result.what == verdict::admitted);
  CHECK_FALSE(result.day_left);
  CHECK_FALSE(result.tokens_left);

  CHECK(b.record(a.operation) == running_record(a.record_head, result.started_ms));
  CHECK(b.ask({"ZRANGE", keys::history(b.tenant, b.agent), "0", "-1"}).items.at(0).text ==
        a.operation.text());
  CHECK(b.statistics().runs == 1);
  CHECK(b.statistics().last_run_ms == result.started_ms);
  for (const auto* counter : {"dr", "dc", "dx", "mr", "mc"})
    CHECK(b.used(counter) == 1);
  const auto open = b.entry(a.operation);
  REQUIRE(open);
  CHECK(open->is_run);
  CHECK(open->agent == b.agent);
  CHECK(open->started_ms == result.started_ms);
  CHECK(open->tokens == 0);
  CHECK(open->day == utc_day(result.started_ms));
}

TEST_CASE("an admitted chat is open with its first tokens, counts as call and request, and leaves "
          "nothing else") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto a = b.new_chat();
  CHECK(verdict_of(b, a) == verdict::admitted);
  const auto open = b.entry(a.operation);
  REQUIRE(open);
  CHECK_FALSE(open->is_run);
  CHECK(open->tokens == 7);
  CHECK(open->agent.empty());
  CHECK(b.used("dx") == 1);
  CHECK(b.used("dc") == 1);
  CHECK(b.used("dr") == 0);
  CHECK(b.store.everything().size() == 3); // tenant, usage, open
}

TEST_CASE("an admission that is refused before it is looked at writes nothing") {
  slot_bench b;
  auto a = b.new_run();
  a.key.stamp = "a key";
  auto expected = verdict::late;
  SECTION("after its time") {
    a.not_after_ms = b.store.clock.now_ms() - 60'000;
  }
  SECTION("of a fenced incarnation") {
    b.store.run("fence", {keys::tenant(b.tenant), keys::open(b.tenant)}, {b.node.text()});
    expected = verdict::fenced;
  }
  SECTION("with an unknown key") {
    a.key.hash = sha256("another");
    expected = verdict::no_key;
  }
  SECTION("with an expired key") {
    b.ask({"HSET", keys::tenant(b.tenant), "k:" + b.key.hash.hex(), "1000|{}"});
    expected = verdict::no_key;
  }
  SECTION("of a tenant that is being deleted") {
    b.ask({"HSET", keys::tenant(b.tenant), "state", "deleting"});
    expected = verdict::no_key;
  }
  SECTION("of a tenant that is gone") {
    b.ask({"DEL", keys::tenant(b.tenant)});
    expected = verdict::no_key;
  }
  const auto before = b.store.everything();
  CHECK(verdict_of(b, a) == expected);
  CHECK(b.store.everything() == before);
}

TEST_CASE("a node that does not know the tenant's newest version is told so") {
  slot_bench b;
  auto a = b.new_run();
  a.version = 2;
  const auto before = b.store.everything();
  CHECK(verdict_of(b, a) == verdict::stale);
  CHECK(b.store.everything() == before);
}

TEST_CASE("a key that expires in the future is good, and its last use is noted where asked") {
  slot_bench b;
  b.ask({"HSET", keys::tenant(b.tenant), "k:" + b.key.hash.hex(), "99999999999|{}"});
  auto a = b.new_run();
  CHECK(verdict_of(b, a) == verdict::admitted);
  CHECK(b.ask({"EXISTS", keys::last_used(b.tenant)}).integer == 0);
  a = b.new_run();
  a.key.stamp = "the key";
  const auto result = b.admit_now(a);
  CHECK(b.ask({"HGET", keys::last_used(b.tenant), "the key"}).text ==
        std::to_string(result.started_ms / 1000));
}

TEST_CASE(
    "a repeat with an idempotency key finds the first run, and with another body a conflict") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto first = with_key(b.new_run(), "key");
  CHECK(verdict_of(b, first) == verdict::admitted);
  const auto calls = b.used("dc");

  auto repeat = with_key(b.new_run(), "key");
  repeat.refuse = true; // the agent may be disabled by now, or the limits reached
  repeat.limits.requests_per_day = 0;
  const auto replayed = b.admit_now(repeat);
  CHECK(replayed.what == verdict::replay);
  CHECK(replayed.run == first.operation.text());
  CHECK(b.used("dc") == calls); // counted by who reads the run

  CHECK(verdict_of(b, with_key(b.new_run(), "key", "other")) == verdict::conflict);
  CHECK(b.used("dc") == calls + 1);
  CHECK(b.used("dr") == 1);
  CHECK(verdict_of(b, with_key(b.new_run(), "KEY")) == verdict::admitted);
  CHECK(b.ask({"TTL", keys::idempotency(b.tenant, b.agent, "key")}).integer > 86000);
}

TEST_CASE("two repeats in one batch make one run") {
  slot_bench b;
  const auto first = with_key(b.new_run(), "key");
  const auto results =
      b.send({admit(b.tenant, first), admit(b.tenant, with_key(b.new_run(), "key"))});
  CHECK(read_admission(results[0])->what == verdict::admitted);
  CHECK(read_admission(results[1])->what == verdict::replay);
  CHECK(read_admission(results[1])->run == first.operation.text());
}

TEST_CASE("what the node refuses is counted as a call, before any limit") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  auto a = with_key(b.new_run(), "key");
  a.refuse = true;
  a.limits.requests_per_day = 0;
  CHECK(verdict_of(b, a) == verdict::refused);
  CHECK(b.used("dc") == 1);
  CHECK(b.used("dx") == 0);
  a.refuse = false;
  a.limits = {};
  CHECK(verdict_of(b, a) == verdict::admitted); // the key was not kept
}

TEST_CASE("a limit of requests a day holds for runs and chats, to the last one") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  std::vector<operation> operations;
  for (int i = 0; i < 5; ++i) {
    auto a = i % 2 ? b.new_run() : b.new_chat();
    a.limits.requests_per_day = 3;
    a.limits.tokens_per_month = 100;
    operations.push_back(admit(b.tenant, a));
  }
  std::vector<std::int64_t> left;
  std::vector<verdict> verdicts;
  for (const auto& r : b.send(operations)) {
    const auto result = read_admission(r);
    verdicts.push_back(result->what);
    left.push_back(result->day_left.value_or(-1));
    CHECK(result->tokens_left == 100);
  }
  CHECK(left == std::vector<std::int64_t>{2, 1, 0, 0, 0});
  CHECK(verdicts == std::vector{verdict::admitted, verdict::admitted, verdict::admitted,
                                verdict::daily_limit, verdict::daily_limit});
  CHECK(b.used("dx") == 3);
  CHECK(b.used("dc") == 3); // a 429 is no call
}

TEST_CASE("a limit of runs a month refuses runs, not chats") {
  slot_bench b;
  auto a = b.new_run();
  a.limits.runs_per_month = 1;
  CHECK(verdict_of(b, a) == verdict::admitted);
  a.operation = b.ids.make<operation_id>();
  CHECK(verdict_of(b, a) == verdict::run_quota);
  auto chat = b.new_chat();
  chat.limits.runs_per_month = 1;
  CHECK(verdict_of(b, chat) == verdict::admitted);
}

TEST_CASE("a limit of tokens a month refuses both, once it is used up") {
  slot_bench b;
  auto a = b.new_chat();
  a.limits.tokens_per_month = 50;
  auto result = b.admit_now(a);
  CHECK(result.what == verdict::admitted);
  CHECK(result.tokens_left == 50);
  b.send_one(finish(b.tenant, a.operation, "", {ending::completed, 49, 1}, ""));
  auto second = b.new_run();
  second.limits = a.limits;
  result = b.admit_now(second);
  CHECK(result.what == verdict::admitted);
  CHECK(result.tokens_left == 1);

  // Within one batch too: what ends first is counted first.
  auto third = b.new_chat();
  third.limits = a.limits;
  const auto results =
      b.send({finish(b.tenant, second.operation, b.agent, {ending::completed, 9, 1}, "record"),
              admit(b.tenant, third)});
  CHECK(read_admission(results[1])->what == verdict::token_quota);
  CHECK(read_admission(results[1])->tokens_left == 0);
}

TEST_CASE("the day's limit is told before the month's, and runs before tokens") {
  slot_bench b;
  auto a = b.new_run();
  a.limits = {0, 0, 0};
  CHECK(verdict_of(b, a) == verdict::daily_limit);
  a.limits = {5, 0, 0};
  const auto result = b.admit_now(a);
  CHECK(result.what == verdict::run_quota);
  CHECK(result.day_left == 5);
  CHECK(result.tokens_left == 0);
  a.limits = {std::nullopt, std::nullopt, 0};
  CHECK(verdict_of(b, a) == verdict::token_quota);
}

TEST_CASE("an admission that is sent again under its id is admitted once") {
  slot_bench b;
  const auto a = b.new_run();
  const auto first = b.admit_now(a);
  const auto before = b.store.everything();
  const auto second = b.admit_now(again(a));
  CHECK(second.what == verdict::admitted);
  CHECK(second.started_ms == first.started_ms);
  CHECK(b.store.everything() == before);
}

TEST_CASE("an admission that is sent again after its run has ended writes nothing") {
  slot_bench b;
  const auto a = b.new_run();
  b.admit_now(a);
  b.end_now(settle(b.tenant, a.operation, b.agent, {ending::cancelled, "null"}));
  const auto before = b.store.everything();
  CHECK(verdict_of(b, again(a)) == verdict::admitted);
  CHECK(b.store.everything() == before);
}

// -- progress and end ---------------------------------------------------------

TEST_CASE("progress is kept in the open entry and counts nothing") {
  slot_bench b;
  const auto a = b.new_run();
  const auto started = b.admit_now(a).started_ms;
  CHECK(b.send_one(progress(a.operation, 123456789012)).items.at(0).text == "OK");
  const auto open = b.entry(a.operation);
  REQUIRE(open);
  CHECK(open->tokens == 123456789012);
  CHECK(open->started_ms == started);
  CHECK(b.used("mt") == 0);
  CHECK(b.send_one(progress(b.ids.make<operation_id>(), 1)).items.at(0).text == "ENDED");
}

TEST_CASE("a run's end is written and counted once, whatever is repeated") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto how = GENERATE(ending::completed, ending::failed, ending::cancelled);
  const auto a = b.new_run();
  const auto started = b.admit_now(a).started_ms;
  const finish_figures figures{how, 41, 1500};
  const auto record = ended_record(a.record_head, started, {figures, "{}", "null"});
  const auto op = finish(b.tenant, a.operation, b.agent, figures, record);
  CHECK(b.end_now(op).what == end::ended_now);
  CHECK(b.record(a.operation) == record);
  CHECK_FALSE(b.entry(a.operation));
  CHECK(b.used("mt") == 41);
  CHECK(b.used("dt") == 41);
  const auto counted = b.statistics();
  CHECK(counted.completed == (how == ending::completed ? 1 : 0));
  CHECK(counted.failed == (how == ending::failed ? 1 : 0));
  CHECK(counted.cancelled == (how == ending::cancelled ? 1 : 0));
  CHECK(b.statistics().tokens == 41);
  CHECK(b.statistics().duration_ms == 1500);

  const auto before = b.store.everything();
  const auto other = finish(b.tenant, a.operation, b.agent, {ending::failed, 9, 9}, "other");
  for (const auto& repeat :
       {op, other, settle(b.tenant, a.operation, b.agent, {ending::failed, "null"})}) {
    const auto second = b.end_now(repeat);
    CHECK(second.what == end::ended_before);
    CHECK(second.record == record);
  }
  CHECK(b.store.everything() == before);
}

TEST_CASE("a chat's end counts its tokens and nothing else") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto a = b.new_chat();
  b.admit_now(a);
  const auto op = finish(b.tenant, a.operation, "", {ending::completed, 41, 1500}, "");
  CHECK(b.end_now(op).what == end::ended_now);
  CHECK(b.used("mt") == 41);
  CHECK(b.store.everything().size() == 2); // tenant, usage
  const auto second = b.end_now(op);
  CHECK(second.what == end::ended_before);
  CHECK(second.record.empty());
  CHECK(b.used("mt") == 41);
}

TEST_CASE("tokens belong to the day of the admission, whenever the run ends") {
  slot_bench b;
  const auto id = b.ids.make<operation_id>();
  b.ask({"HSET", keys::open(b.tenant), id.text(),
         "c|" + b.node.text() + "|2020-02-29|3|1582934400000|"});
  b.end_now(finish(b.tenant, id, "", {ending::completed, 41, 1}, ""));
  CHECK(b.ask({"HGET", keys::usage(b.tenant), "d2020-02-29"}).text == "0|41|0|0");
  CHECK(b.ask({"HGET", keys::usage(b.tenant), "m2020-02"}).text == "0|41|0");
}

TEST_CASE("what nobody drives is settled with the tokens that are known, as if its node had ended "
          "it") {
  slot_bench b;
  const auto a = b.new_run();
  const auto started = b.admit_now(a).started_ms;
  b.send_one(progress(a.operation, 17));
  const auto result =
      b.end_now(settle(b.tenant, a.operation, b.agent, {ending::failed, R"("node lost")"}));
  CHECK(result.what == end::ended_now);
  CHECK(result.record == b.record(a.operation));
  const auto duration = json::parse(result.record)["duration_ms"].get<std::int64_t>();
  CHECK(duration >= 0);
  CHECK(result.record == ended_record(a.record_head, started,
                                      {{ending::failed, 17, duration}, "null", R"("node lost")"}));
  CHECK_FALSE(b.entry(a.operation));
  CHECK(b.used("mt") == 17);
  CHECK(b.statistics().failed == 1);
  CHECK(b.statistics().duration_ms == duration);
}

TEST_CASE("a chat is settled without a record") {
  slot_bench b;
  const auto a = b.new_chat();
  b.admit_now(a);
  const auto op = settle(b.tenant, a.operation, "", {ending::failed, "null"});
  const auto first = b.end_now(op);
  CHECK(first.what == end::ended_now);
  CHECK(first.record.empty());
  CHECK(b.used("mt") == 7);
  CHECK(b.end_now(op).what == end::ended_before);
  CHECK(b.used("mt") == 7);
}

TEST_CASE("an admission in doubt is not given up while it may still come") {
  slot_bench b;
  const auto now = b.store.clock.now_ms();
  for (auto a : {b.new_run(), b.new_chat()}) {
    const auto settle_by = [&](std::int64_t not_after) {
      return b.end_now(settle(b.tenant, a.operation, a.agent, {ending::failed, "null", not_after}));
    };
    CHECK(settle_by(now + 600'000).what == end::early);
    const auto never = settle_by(now - 600'000);
    CHECK(never.what == end::ended_before);
    CHECK(never.record.empty());
    b.admit_now(a);
    CHECK(settle_by(now + 600'000).what == end::ended_now);
  }
}

TEST_CASE("the end of a run whose tenant was removed under it writes nothing") {
  slot_bench b;
  const auto a = b.new_run();
  b.admit_now(a);
  b.ask({"FLUSHALL"});
  for (const auto& op :
       {finish(b.tenant, a.operation, b.agent, {ending::completed, 1, 1}, "record"),
        settle(b.tenant, a.operation, b.agent, {ending::failed, "null"}), progress(a.operation, 3),
        count_call(b.tenant)})
    b.send_one(op);
  CHECK(b.store.everything().empty());
}

// -- reads --------------------------------------------------------------------

TEST_CASE("a read needs a good key and the newest version, and counts as a call") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  auto r = b.new_reading();
  const auto check_now = [&] { return read_check(b.send_one(check(b.tenant, r))); };
  CHECK(check_now() == check_verdict::ok);
  CHECK(b.used("dc") == 1);
  CHECK(b.used("mc") == 1);
  r.count = false;
  r.key.stamp = "the key";
  CHECK(check_now() == check_verdict::ok);
  CHECK(b.used("dc") == 1);
  CHECK(b.send_one(check_keys(b.tenant, r)).items.at(1).items.at(0).text == "the key");
  r.count = true;
  r.version = 7;
  CHECK(check_now() == check_verdict::stale);
  r.key.hash = sha256("another");
  CHECK(check_now() == check_verdict::no_key);
  CHECK(b.used("dc") == 1);
  b.send_one(count_call(b.tenant));
  CHECK(b.used("dc") == 2);
}

TEST_CASE("a usage answer holds the month and its 31 days, all that came before it in its batch, "
          "and not itself") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto day = utc_day(b.store.clock.now_ms());
  const auto month = day.substr(0, 7);
  std::vector<std::string> seed{"HSET", keys::usage(b.tenant)};
  for (int d = 1; d <= 31; ++d) {
    const auto n = std::to_string(d);
    seed.insert(seed.end(),
                {day_field(month + (d < 10 ? "-0" : "-") + n), n + '|' + n + "00|" + n + "0|0"});
  }
  seed.insert(seed.end(), {month_field(month), "496|9007199254740000|0"});
  b.ask(seed);
  const auto a = b.new_run();
  const auto results = b.send({admit(b.tenant, a), check(b.tenant, b.new_reading()),
                               check_usage(b.tenant, b.new_reading())});
  const auto& usage = results[2];
  CHECK(usage.items.at(1).text == month);
  const auto& values = usage.items.at(2).items;
  REQUIRE(values.size() == 3 + 31 * 3);
  CHECK(values[0].integer == 497);
  CHECK(values[1].integer == 9007199254740000);
  CHECK(values[2].integer == 2);
  const auto today = std::stol(day.substr(8));
  for (long d = 1; d <= 31; ++d) {
    CAPTURE(d);
    const auto* of_day = &values[3 * static_cast<std::size_t>(d)];
    CHECK(of_day[0].integer == d + (d == today ? 1 : 0));
    CHECK(of_day[1].integer == 100 * d);
    CHECK(of_day[2].integer == 10 * d + (d == today ? 2 : 0));
  }
}

TEST_CASE("a run is read with its open entry while it goes on") {
  slot_bench b;
  const auto a = b.new_run();
  b.admit_now(a);
  const auto read = [&](const operation_id& id) {
    return b.send_one(check_run(b.tenant, b.new_reading(), id));
  };
  auto r = read(a.operation);
  CHECK(is_running(r.items.at(1).text));
  CHECK(read_open_entry(r.items.at(2).text));
  b.end_now(settle(b.tenant, a.operation, b.agent, {ending::failed, "null"}));
  r = read(a.operation);
  CHECK_FALSE(is_running(r.items.at(1).text));
  CHECK(r.items.at(2).text.empty());
  r = read(b.ids.make<operation_id>());
  CHECK(r.items.at(1).text.empty());
  CHECK(r.items.at(2).text.empty());
}

TEST_CASE("the history is read newest first, page by page, with its total") {
  slot_bench b;
  std::vector<operation> operations;
  std::vector<std::string> newest_first;
  for (int i = 0; i < 7; ++i) {
    const auto a = b.new_run();
    operations.push_back(admit(b.tenant, a));
    newest_first.insert(newest_first.begin(), a.operation.text());
  }
  b.send(operations);
  const auto page = [&](int first, int last) {
    return b.send_one(check_runs(b.tenant, b.new_reading(), b.agent, first, last));
  };
  const auto r = page(2, 4);
  CHECK(r.items.at(1).integer == 7);
  REQUIRE(r.items.at(2).items.size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(r.items.at(2).items[i].text == newest_first[i + 2]);
  CHECK(page(7, 9).items.at(2).items.empty());
  CHECK(page(7, 9).items.at(1).integer == 7);
}

TEST_CASE("records are read together with what is open of them") {
  slot_bench b;
  const auto a = b.new_run();
  b.admit_now(a);
  const auto absent = b.ids.make<operation_id>().text();
  const auto r = b.store.run("records_read",
                             {keys::open(b.tenant), keys::record(b.tenant, a.operation.text()),
                              keys::record(b.tenant, absent)},
                             {a.operation.text(), absent});
  REQUIRE(r.items.size() == 4);
  CHECK(r.items[0].text == b.record(a.operation));
  CHECK(read_open_entry(r.items[1].text));
  CHECK(r.items[2].text.empty());
  CHECK(r.items[3].text.empty());
}

// -- batch --------------------------------------------------------------------

TEST_CASE("an operation that Redis cannot carry out does no harm to the others of its batch") {
  slot_bench b;
  stay_away_from_midnight(b.store.clock);
  const auto broken = b.ids.make<operation_id>();
  b.ask({"HSET", keys::open(b.tenant), broken.text(), "no entry at all"});
  const auto first = b.new_run(), second = b.new_run();
  const auto results =
      b.send({admit(b.tenant, first),
              finish(b.tenant, broken, b.agent, {ending::completed, 1, 1}, "record"),
              operation{{}, {"progress", broken.text(), "1"}}, admit(b.tenant, second)});
  CHECK(read_admission(results[0])->what == verdict::admitted);
  CHECK_FALSE(read_end(results[1]));
  CHECK(read_admission(results[3])->what == verdict::admitted);
  CHECK(b.used("dr") == 2);
  CHECK(b.statistics().runs == 2);
}

TEST_CASE("with a full memory nothing new starts, and what is under way ends") {
  slot_bench b;
  const auto a = b.new_run(), chat = b.new_chat();
  b.admit_now(a);
  b.admit_now(chat);
  b.ask({"CONFIG", "SET", "maxmemory", "1"});
  const auto before = b.store.everything();
  const auto finish_chat = finish(b.tenant, chat.operation, "", {ending::completed, 5, 1}, "");
  CHECK(b.store.call(batch(b.tenant, b.node, {finish_chat, admit(b.tenant, b.new_run())})).what ==
        fate::full);
  CHECK(b.store.everything() == before);
  CHECK(b.end_now(finish_chat).what == end::ended_now);
  CHECK(b.end_now(settle(b.tenant, a.operation, b.agent, {ending::failed, "null"})).what ==
        end::ended_now);
  CHECK(read_check(b.send_one(check(b.tenant, b.new_reading()))) == check_verdict::ok);
  CHECK(b.store.run("fence", {keys::tenant(b.tenant), keys::open(b.tenant)}, {b.node.text()})
            .items.empty());
}

// -- replies that are none ----------------------------------------------------

TEST_CASE("a reply that is not one of an operation is not taken for one") {
  reply text{reply::kind::text, 0, "OK", {}};
  reply list{reply::kind::array, 0, "", {text}};
  reply failure{reply::kind::error, 0, "ERR", {}};
  reply unknown{reply::kind::array, 0, "", {reply{reply::kind::text, 0, "WHAT", {}}}};
  for (const auto& r : {text, failure, unknown, reply{}}) {
    CHECK_FALSE(read_admission(r));
    CHECK_FALSE(read_end(r));
    CHECK_FALSE(read_check(r));
    CHECK_FALSE(read_batch(r, 1));
  }
  CHECK(read_admission(list)->what == verdict::admitted); // and no figures
  CHECK_FALSE(read_batch(list, 0));                       // the time is no number
  CHECK_FALSE(read_batch(reply{reply::kind::array, 0, "", {}}, 0));
}

TEST_CASE("an open entry is read back, and what is none is not") {
  const auto entry = read_open_entry("r|incarnation|2026-03-13|42|1773411720000|an agent");
  REQUIRE(entry);
  CHECK(entry->is_run);
  CHECK(entry->day == "2026-03-13");
  CHECK(entry->tokens == 42);
  CHECK(entry->started_ms == 1773411720000);
  CHECK(entry->agent == "an agent");
  CHECK_FALSE(read_open_entry("c|i|2026-03-13|0|1|")->is_run);
  CHECK(read_open_entry("c|i|2026-03-13|0|1|")->agent.empty());
  for (const auto* text : {"", "r", "r|i|d|1|1", "r|i|d||1|a", "r|i|d|x|1|a", "r|i|d|1|1x|a"})
    CHECK_FALSE(read_open_entry(text));
}
