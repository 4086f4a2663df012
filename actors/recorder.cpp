#include "actors/recorder.hpp"

namespace ares {

namespace {

void submit(store::redis& connection, store_command& c) {
  connection.submit(std::move(c.what), [tag = c.tag, listener = c.listener](store::answer a) {
    caf::anon_send(listener, store_result{tag, std::move(a)});
  });
}

recorder_actor::behavior_type recorder(recorder_actor::pointer,
                                       std::shared_ptr<store::redis> connection) {
  return {[connection](store_command& c) { submit(*connection, c); }};
}

} // namespace

recorder_actor spawn_recorder(caf::actor_system& system, std::shared_ptr<store::redis> connection) {
  return system.spawn(recorder, std::move(connection));
}

} // namespace ares
