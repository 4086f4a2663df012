// Export and import of tenants.
#include "store/backup.hpp"
#include "store/operations.hpp"
#include "store/record.hpp"
#include "tests/store/tenant_bench.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

struct backup_bench : tenant_bench {
  std::vector<std::string> lines;

  tenant_export exporter() {
    return {connection, clock, [this](const std::string& line) -> result<std::monostate> {
              lines.push_back(line);
              return std::monostate{};
            }};
  }

  void export_tenant(const tenant_id& t) {
    auto e = exporter();
    REQUIRE(e.begin());
    REQUIRE(e.tenant(t));
  }

  incarnation_id incarnation{ids.make<incarnation_id>()};

  std::string run_of(const tenant_id& t, const std::string& agent, const operation_id& id) {
    admission a;
    a.operation = id;
    a.key = {key, {}};
    a.version = std::stoll(version(t));
    a.not_after_ms = clock.now_ms() + 5000;
    a.is_run = true;
    a.agent = agent;
    a.record_head = record_head(id, agent, R"({"message":"hi \u00e9 1.50"})");
    auto started = connection.call(batch(t, incarnation, {admit(t, a)}));
    auto results = read_batch(started.value, 1);
    REQUIRE(results);
    REQUIRE(read_admission(results->results[0])->what == admission_result::verdict::admitted);
    return a.record_head;
  }

  void end(const tenant_id& t, const std::string& agent, const operation_id& id,
           const std::string& head, std::int64_t tokens) {
    const finish_figures figures{ending::completed, tokens, 5};
    auto record = ended_record(head, clock.now_ms(), {figures, R"({"a":1})"});
    REQUIRE(connection.call(batch(t, incarnation, {finish(t, id, agent, figures, record)})).what ==
            fate::done);
  }

  secret_hash key;

  /// A tenant with agents, a key, and runs that have ended.
  tenant_id lived_in(const std::string& name, int runs) {
    auto made = tenants.create({name,
                                "free",
                                {},
                                {agent_named("risk"), agent_named("old")},
                                new_key{"first", std::nullopt}},
                               admin);
    REQUIRE(made);
    key = made->key->secret.hash();
    const auto t = made->tenant.id;
    const auto agent = tenants.get_agent(t, "risk")->agent.id;
    for (int i = 0; i < runs; ++i) {
      const auto id = ids.make<operation_id>();
      end(t, agent, id, run_of(t, agent, id), 7);
    }
    REQUIRE(tenants.delete_agent(t, "old", admin));
    return t;
  }

  /// Everything under the tenant's hash tag, as Redis would dump it, but what belongs to its life
  /// in one store.
  std::map<std::string, std::string> dump(const tenant_id& t) {
    std::map<std::string, std::string> all;
    for (const auto& name : all_keys()) {
      if (!name.starts_with("{" + t.text() + "}"))
        continue;
      const auto type = ask({"TYPE", name}).text;
      const auto content = type == "string" ? ask({"GET", name})
                           : type == "hash" ? ask({"HGETALL", name})
                           : type == "zset" ? ask({"ZRANGE", name, "0", "-1"})
                                            : ask({"LRANGE", name, "0", "-1"});
      std::set<std::string> parts;
      for (std::size_t i = 0; i + 1 < content.items.size() && type == "hash"; i += 2)
        if (content.items[i].text != "v" && content.items[i].text != "change")
          parts.insert(content.items[i].text + "=" + content.items[i + 1].text);
      for (std::size_t i = 0; i < content.items.size() && type != "hash"; ++i)
        parts.insert(content.items[i].text);
      auto& text = all[name] = content.text;
      for (const auto& p : parts)
        text += p + "\n";
    }
    return all;
  }
};

result<std::monostate> import_all(backup_bench& into, const std::vector<std::string>& lines,
                                  existing_tenants existing = existing_tenants::refuse,
                                  backup_counts* counts = nullptr) {
  tenant_import import(into.connection, into.tenants, into.ids, existing);
  for (const auto& line : lines)
    if (auto taken = import.take(line); !taken)
      return taken;
  auto done = import.finish();
  if (counts)
    *counts = import.counts();
  return done;
}

} // namespace

TEST_CASE("what was exported comes back to another store as it was, record by record") {
  backup_bench from, to;
  const auto t = from.lived_in("acme", 450);
  from.export_tenant(t);
  backup_counts counts;
  REQUIRE(import_all(to, from.lines, existing_tenants::refuse, &counts));
  CHECK(counts.tenants == 1);
  CHECK(counts.runs == 450);
  CHECK(counts.keys == 1);
  CHECK(to.dump(t) == from.dump(t));
  CHECK(to.ask({"GET", keys::key_hint(from.key)}).text == t.text());
  REQUIRE(to.tenants.find("acme"));
  CHECK(to.tenants.usage(t)->month.tokens == 450 * 7);
  CHECK(to.version(t) == "1");
}

TEST_CASE("no line of a backup holds a secret") {
  backup_bench b;
  auto t = b.lived_in("acme", 1);
  auto key = b.tenants.create_key(t, {"second", std::nullopt}, admin);
  b.export_tenant(t);
  for (const auto& line : b.lines)
    CHECK(line.find(key->secret.reveal()) == std::string::npos);
}

TEST_CASE("a run that goes on when it is exported ends as lost, or as it ended meanwhile") {
  backup_bench from, to;
  const auto t = from.lived_in("acme", 2);
  const auto agent = from.tenants.get_agent(t, "risk")->agent.id;
  const auto lost = from.ids.make<operation_id>(), ended = from.ids.make<operation_id>();
  from.run_of(t, agent, lost);
  const auto head = from.run_of(t, agent, ended);
  // It ends between the snapshot and the reading of its record.
  tenant_export e(from.connection, from.clock,
                  [&](const std::string& line) -> result<std::monostate> {
                    if (line.find("\"last_used\"") != std::string::npos)
                      from.end(t, agent, ended, head, 100);
                    from.lines.push_back(line);
                    return std::monostate{};
                  });
  REQUIRE(e.begin());
  REQUIRE(e.tenant(t));
  REQUIRE(import_all(to, from.lines));
  CHECK(to.ask({"EXISTS", keys::open(t)}).integer == 0);
  CHECK(to.ask({"GET", keys::record(t, lost.text())}).text.find(R"("error":"node lost")") !=
        std::string::npos);
  CHECK(to.ask({"GET", keys::record(t, ended.text())}).text ==
        from.ask({"GET", keys::record(t, ended.text())}).text);
  CHECK(to.tenants.usage(t)->month.runs == 4);
  CHECK(to.tenants.usage(t)->month.tokens == 2 * 7 + 100);
  const auto statistics = to.tenants.get_agent(t, "risk")->statistics;
  CHECK(statistics.completed == 3);
  CHECK(statistics.failed == 1);
}

TEST_CASE("a tenant that is there already is refused or skipped, and stays as it is") {
  backup_bench b;
  const auto t = b.lived_in("acme", 3);
  b.export_tenant(t);
  const auto before = b.dump(t);
  CHECK(refusal(import_all(b, b.lines)) == errc::already_exists);
  backup_counts counts;
  REQUIRE(import_all(b, b.lines, existing_tenants::skip, &counts));
  CHECK(counts.tenants_skipped == 1);
  CHECK(counts.runs == 0);
  CHECK(b.dump(t) == before);
}

TEST_CASE("a name or a key that is another tenant's stops an import, which leaves nothing") {
  backup_bench from, to;
  const auto t = from.lived_in("acme", 3);
  from.export_tenant(t);
  SECTION("its name") {
    to.make("acme");
  }
  SECTION("its key") {
    to.ask({"SET", keys::key_hint(from.key), to.make("other").text()});
  }
  const auto before = to.all_keys();
  CHECK(refusal(import_all(to, from.lines)) == errc::already_exists);
  CHECK(to.dump(t).empty());
  CHECK(to.all_keys() == before);
}

TEST_CASE("a backup that is cut, or whose lines are wrong, changes nothing") {
  backup_bench from, to;
  const auto t = from.lived_in("acme", 5);
  from.export_tenant(t);
  const auto before = to.all_keys();
  for (std::size_t missing = 1; missing < from.lines.size(); ++missing) {
    auto lines = from.lines;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() - missing), lines.end());
    const bool nothing_begun = lines.size() == 1;
    CHECK(bool(import_all(to, lines)) == nothing_begun);
  }
  auto lines = from.lines;
  SECTION("a run is missing in the middle") {
    lines.erase(lines.end() - 3);
  }
  SECTION("a line is no JSON") {
    lines[3] += "x";
  }
  SECTION("the first line is missing") {
    lines.erase(lines.begin());
  }
  SECTION("a line of another tenant stands between") {
    lines.insert(lines.end() - 1, R"({"tenant":")" + from.ids.next().text() + R"(","usage":{}})");
  }
  CHECK(refusal(import_all(to, lines)) != errc::store_unavailable);
  CHECK(to.dump(t).empty());
  CHECK(to.all_keys() == before);
}

TEST_CASE("an import whose importer died is swept, or completed where its name is final") {
  backup_bench from, to;
  const auto t = from.lived_in("acme", 5);
  from.export_tenant(t);
  const auto fields = json::parse(from.lines[1])["fields"];
  std::vector<std::string> begin{"import", "id", t.text()};
  for (const auto& [name, value] : fields.items()) {
    begin.push_back(name);
    begin.push_back(value.get<std::string>());
  }
  REQUIRE(to.raw.run("tenant_import_begin", {keys::tenant(t)}, begin));
  REQUIRE(to.raw.run("tenant_name_claim", {keys::name_claim("acme")}, {t.text(), "600"}));
  to.ask({"ZADD", keys::tenants(), "0", t.text()});
  REQUIRE(to.tenants.sweep());
  CHECK_FALSE(to.dump(t).empty()); // it may go on
  CHECK(refusal(to.tenants.get(t)) == errc::not_found);
  to.ask({"HSET", keys::tenant(t), "import_at", "1"});
  SECTION("its name is not final") {
    REQUIRE(to.tenants.sweep());
    CHECK(to.all_keys().empty());
    auto late = to.raw.run("tenant_import_write", {keys::tenant(t), keys::usage(t)},
                           {"import", "HSET", "2", "2", "a", "1"});
    CHECK(word_of_script(*late) == "GONE");
    CHECK(to.all_keys().empty());
  }
  SECTION("its name is final") {
    REQUIRE(to.raw.run("tenant_name_finalize", {keys::name_claim("acme")}, {t.text()}));
    REQUIRE(to.tenants.sweep());
    CHECK(to.tenants.get(t));
  }
}

TEST_CASE("the audit log comes along") {
  backup_bench from, to;
  from.lived_in("acme", 0);
  auto e = from.exporter();
  REQUIRE(e.begin());
  REQUIRE(e.audit());
  REQUIRE(import_all(to, from.lines));
  CHECK(to.actions() == from.actions());
}
