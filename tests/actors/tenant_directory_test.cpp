// The directory with real supervisors, over a store that the test plays.
#include "actors/tenant_directory.hpp"
#include "tests/actors/supervisor_bench.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

class directory_bench : public supervisor_bench {
public:
  directory_bench() {
    settings->conf.tenant_idle = 10s;
    on_command = [this](const store_command& c) -> std::optional<store::answer> {
      if (c.what.run || c.what.arguments[0] != "GET")
        return reply_to(c);
      return hold_lookups ? std::nullopt : std::optional(answered(text_reply(tenant.text())));
    };
    directory = keep_alive(spawn_tenant_directory(system, node, table));
  }
  // The supervisors are known here by their alarms only.
  ~directory_bench() {
    held.clear();
    table->remove({secret.hash()});
    for (const auto& [ticket, who] : std::map(wake_ups->waiting))
      caf::anon_send_exit(who, caf::exit_reason::kill);
    stop();
  }

  api_request_ptr request(std::shared_ptr<test_client> from) {
    auto r = std::make_shared<api_request>();
    r->key = secret.hash();
    r->call = show_run{node->ids->make<operation_id>()};
    r->from = std::move(from);
    return r;
  }
  std::shared_ptr<test_client> ask_directory() {
    auto from = std::make_shared<test_client>();
    caf::anon_send(directory, request(from));
    run();
    return from;
  }
  bool in_table() {
    const bool known = table->forward(request(std::make_shared<test_client>()));
    run();
    return known;
  }

  bool hold_lookups = false;
  tenant_directory_actor directory;
};

} // namespace

TEST_CASE("a tenant is activated by its first request, leaves when idle, and comes back") {
  directory_bench b;
  CHECK(b.ask_directory()->refusal() == errc::not_found);
  CHECK(b.node->counters->tenants_active == 1);
  b.pass(21s, 100ms);
  CHECK(b.node->counters->tenants_active == 0);
  CHECK(b.ask_directory()->refusal() == errc::not_found);
  CHECK(b.node->counters->tenants_active == 1);
}

TEST_CASE(
    "a request that reaches the directory while the supervisor leaves waits for a successor") {
  directory_bench b;
  (void)b.ask_directory();
  b.pass(9s, 100ms);
  b.hold_lookups = true;
  auto late = std::make_shared<test_client>();
  const auto r = b.request(late);
  const auto held = [&] { return !b.held.empty(); };
  bool sent = false;
  for (int i = 0; i < 200 && late->answers.empty(); ++i) {
    b.scheduler.advance_time(100ms);
    b.wake_ups->ring(b.now());
    while (b.scheduler.has_job()) {
      b.scheduler.run_once();
      CHECK(b.node->counters->tenants_active <= 1);
      if (!sent && !b.table->forward(r)) { // it has withdrawn its keys, and asked to go
        sent = true;
        caf::anon_send(b.directory, r);
      } else if (held()) {
        const auto lookup = std::exchange(b.held, {})[0];
        caf::anon_send(lookup.listener,
                       store_result{lookup.tag, answered(text_reply(b.tenant.text()))});
      }
    }
  }
  CHECK(late->refusal() == errc::not_found);
  CHECK(b.node->counters->tenants_active == 1);
}

TEST_CASE("a supervisor that is not the tenant's any more cannot make the directory forget it") {
  directory_bench b;
  (void)b.ask_directory();
  supervisor_bench other;
  other.start();
  caf::anon_send(b.directory, tenant_idle{b.tenant, other.supervisor});
  b.run();
  CHECK(b.node->counters->tenants_active == 1);
  CHECK(b.in_table());
  CHECK(b.ask_directory()->refusal() == errc::not_found);
}

TEST_CASE("a supervisor that crashes is made anew once, then only when it is needed") {
  directory_bench b;
  const auto crash = [&] {
    const auto before = b.wake_ups->waiting;
    for (const auto& [ticket, who] : before)
      caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
    b.run();
  };
  (void)b.ask_directory();
  crash();
  CHECK(b.node->counters->tenants_active == 1);
  crash();
  CHECK(b.node->counters->tenants_active == 0);
  CHECK(b.ask_directory()->refusal() == errc::not_found);
  CHECK(b.node->counters->tenants_active == 1);
}
