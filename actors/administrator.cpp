#include "actors/administrator.hpp"

#include <algorithm>

namespace ares {

namespace {

struct administrator_state {
  static inline const char* name = "administrator";

  std::shared_ptr<administration> work;
  std::shared_ptr<std::atomic<std::size_t>> under_way;
  std::chrono::milliseconds upkeep_interval{};

  void carry_out(const admin_message& m) {
    m.reply->answer(work->execute(m.request, {m.actor, m.request_id}));
    --*under_way;
  }
};

using administrator_pointer = administrator_actor::stateful_pointer<administrator_state>;

void keep_up(administrator_pointer self) {
  // A little less, so that the own last turn is over when the next is due.
  self->state.work->sweep(self->state.upkeep_interval * 9 / 10);
  self->delayed_send(self, self->state.upkeep_interval, upkeep_is_due{});
}

administrator_actor::behavior_type
administrator_behavior(administrator_pointer self, std::shared_ptr<administration> work,
                       std::shared_ptr<std::atomic<std::size_t>> under_way,
                       std::chrono::milliseconds upkeep_interval) {
  self->state.work = std::move(work);
  self->state.under_way = std::move(under_way);
  self->state.upkeep_interval = upkeep_interval;
  if (upkeep_interval.count() > 0)
    self->send(self, upkeep_is_due{});
  return {
      [self](const admin_message& m) { self->state.carry_out(m); },
      [self](const upkeep_is_due&) { keep_up(self); },
  };
}

} // namespace

administrators::administrators(caf::actor_system& system, administration_parts parts,
                               administrator_options options)
    : system_(system), options_(options) {
  auto work = std::make_shared<administration>(std::move(parts));
  for (std::size_t i = 0; i < std::max<std::size_t>(options.count, 1); ++i) {
    auto under_way = std::make_shared<std::atomic<std::size_t>>(0);
    // One of them is enough for the upkeep.
    const auto interval = i == 0 ? options.upkeep_interval : std::chrono::milliseconds(0);
    auto actor = system_.spawn<caf::detached>(administrator_behavior, work, under_way, interval);
    workers_.push_back({std::move(actor), std::move(under_way)});
  }
}

administrators::~administrators() {
  stop();
}

void administrators::ask(admin_message m) {
  const auto less_busy = [](const worker& a, const worker& b) {
    return *a.under_way < *b.under_way;
  };
  const auto idlest = std::min_element(workers_.begin(), workers_.end(), less_busy);
  // The others have at least as many.
  if (idlest == workers_.end() || *idlest->under_way >= options_.requests_max / workers_.size()) {
    m.reply->answer(admin_answer::refusal({errc::overloaded, "Too many administrative requests"}));
    return;
  }
  ++*idlest->under_way;
  caf::anon_send(idlest->actor, std::move(m));
}

void administrators::stop() {
  for (const auto& w : workers_)
    caf::anon_send_exit(w.actor, caf::exit_reason::user_shutdown);
}

} // namespace ares
