#include "http/node.hpp"

#include "actors/cluster.hpp"
#include "actors/providers/provider.hpp"
#include "actors/services.hpp"
#include "actors/tenant_directory.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "http/admin_gateway.hpp"
#include "http/curl_transport.hpp"
#include "http/gateway.hpp"
#include "http/open_files.hpp"
#include "http/server.hpp"
#include "store/keys.hpp"
#include "store/private_server.hpp"
#include "store/redis.hpp"
#include "store/schema.hpp"

#include <caf/all.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <thread>

namespace ares::http {

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds first_connection_patience{2000};
constexpr milliseconds first_request_wait{300};

struct actor_config : caf::actor_system_config {
  actor_config() {
    // Measured: on few cores `sharing` beats `stealing` in throughput, and idles.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::max<std::size_t>(std::thread::hardware_concurrency(), 2));
  }
};

class node {
public:
  explicit node(node_environment env) : env_(std::move(env)) {}

  int run();

private:
  // -- start, in this order -----------------------------------------------------
  bool start_store();
  bool store_fits();
  void read_durability();
  void start_actors();
  result<std::monostate> start_http();
  std::map<std::string, provider_actor> providers_for(const config& conf,
                                                      const node_settings* before);

  // -- life ---------------------------------------------------------------------
  int serve_until_told();
  void reload();
  void announce();
  std::string why_not_ready() const;

  // -- end ----------------------------------------------------------------------
  bool idle() const;
  void drain();
  void leave_store();
  void stop_store();
  [[noreturn]] void leave_process(int status);

  node_environment env_;
  std::unique_ptr<store::private_server> private_server_;
  std::shared_ptr<store_clock> clock_ = std::make_shared<store_clock>();
  std::shared_ptr<store::redis> redis_;
  actor_config actor_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<transport> transport_;
  std::shared_ptr<node_services> services_;
  cluster_actor cluster_;
  std::unique_ptr<server> server_;
  shared_value<std::string> durability_{std::make_shared<std::string>("null")}; // JSON
  bool announced_ = false;
};

// -- start ----------------------------------------------------------------------

bool node::start_store() {
  store::redis_options options;
  options.url = env_.conf.store.url;
  if (options.url.empty()) {
    auto started =
        store::private_server::start({env_.conf.store.data_dir, env_.conf.store.fsync,
                                      env_.conf.store.max_memory_mb, env_.conf.secret_env_names});
    if (!started) {
      std::fprintf(stderr, "ares: %s\n", started.failure().message.c_str());
      return false;
    }
    private_server_ = std::move(*started);
    options.url = private_server_->url();
  }
  redis_ = std::make_shared<store::redis>(std::move(options), *clock_);
  redis_->on_ready_change([this](bool ready) {
    if (ready)
      read_durability();
  });
  return true;
}

// A store that is not there yet is looked at when it comes.
bool node::store_fits() {
  const auto until = clock::now() + first_connection_patience;
  while (!redis_->ready() && clock::now() < until)
    std::this_thread::sleep_for(milliseconds(2));
  auto fits = store::check_schema(*redis_);
  if (fits || fits.failure().code == errc::store_unavailable)
    return true;
  stop_store();
  std::fprintf(stderr, "ares: %s\n", fits.failure().message.c_str());
  return false;
}

// What the store says of its append-only file, at every (re)connect: an external one may be
// anything.
void node::read_durability() {
  store::command c;
  c.arguments = {"CONFIG", "GET", "append*"};
  redis_->submit(std::move(c), [this](store::answer a) {
    if (a.what != store::fate::done || a.value.type != store::reply::kind::array)
      return; // a server that hides its configuration
    std::map<std::string, std::string> settings;
    for (std::size_t i = 0; i + 1 < a.value.items.size(); i += 2)
      settings[a.value.items[i].text] = a.value.items[i + 1].text;
    const bool durable = settings["appendonly"] == "yes" && settings["appendfsync"] == "always";
    durability_.set(std::make_shared<std::string>(json{
        {"appendonly", settings["appendonly"]},
        {"appendfsync", settings["appendfsync"]},
        {"durable", durable}}.dump()));
    log::write(durable ? log::level::info : log::level::warn,
               durable ? "the store is durable" : "the store may lose what it has acknowledged",
               {{"appendonly", settings["appendonly"]}, {"appendfsync", settings["appendfsync"]}});
  });
}

std::map<std::string, provider_actor> node::providers_for(const config& conf,
                                                          const node_settings* before) {
  std::map<std::string, provider_actor> all;
  for (const auto& [name, p] : conf.providers) {
    if (before && before->conf.providers.contains(name) && before->conf.providers.at(name) == p) {
      all.emplace(name, before->providers.at(name));
      continue;
    }
    all.emplace(name, p.type == provider_config::kind::simulated
                          ? spawn_simulated_provider(*system_, p)
                          : spawn_http_provider(*system_, p, transport_));
  }
  return all;
}

void node::start_actors() {
  system_ = std::make_unique<caf::actor_system>(actor_config_);
  transport_ = std::make_shared<curl_transport>();
  auto s = std::make_shared<node_services>();
  s->clock = clock_;
  s->ids = std::make_shared<id_generator>([clock = clock_] { return clock->now_ms(); });
  s->counters = std::make_shared<node_counters>();
  s->status = std::make_shared<node_status>();
  s->wake_ups = std::make_shared<thread_alarms>();
  s->incarnation = std::make_shared<shared_value<incarnation_id>>(
      std::make_shared<incarnation_id>(s->ids->make<incarnation_id>()));
  s->settings = std::make_shared<shared_value<node_settings>>(
      std::make_shared<node_settings>(node_settings{env_.conf, providers_for(env_.conf, nullptr)}));
  s->recorder = spawn_recorder(*system_, redis_);
  services_ = std::move(s);
}

result<std::monostate> node::start_http() {
  auto table = std::make_shared<tenant_table>();
  auto administration = start_administration(*system_, services_, redis_);
  services_->keys = administration.keys;
  const auto address =
      env_.conf.cluster.advertise.empty() ? env_.conf.server.host : env_.conf.cluster.advertise;
  cluster_ = spawn_cluster(*system_, services_,
                           {json{{"address", address},
                                 {"pid", getpid()},
                                 {"version", ARES_VERSION},
                                 {"started_at", rfc3339(clock_->now_ms())}}
                                .dump(),
                            private_server_ != nullptr});
  gateway_wiring wiring{services_,
                        table,
                        spawn_tenant_directory(*system_, services_, table),
                        [this] { return why_not_ready(); },
                        [this] { return durability_.get(); },
                        administration.serve};
  const auto& conf = env_.conf.server;
  server_options options;
  options.host = conf.host;
  options.port = conf.port;
  options.threads = conf.threads;
  options.max_body_bytes = conf.max_body_bytes;
  options.max_connections = connections_that_fit(env_.conf);
  options.request_timeout = conf.request_timeout;
  options.tls = conf.tls;
  options.new_request_id = [ids = services_->ids] { return ids->next().text(); };
  try {
    auto gateway = make_gateway(std::move(wiring));
    server_ = std::make_unique<server>(options, std::move(gateway.serve),
                                       std::move(gateway.refuse_early));
  } catch (const std::exception& e) {
    return error{errc::internal, e.what()};
  }
  return std::monostate{};
}

// -- life -----------------------------------------------------------------------

std::string node::why_not_ready() const {
  if (services_->status->draining)
    return "The node is draining";
  if (!redis_->ready())
    return "The store is not reachable";
  if (!services_->status->registered)
    return "The node is not registered in the store yet";
  if (services_->status->store_refuses)
    return "The store takes no writes now";
  if (services_->status->store_full)
    return "The store is full";
  return {};
}

void node::announce() {
  if (announced_ || !why_not_ready().empty())
    return;
  announced_ = true;
  if (!store_fits())
    leave_process(1);
  const auto& conf = env_.conf.server;
  std::fprintf(stderr, "listening on %s://%s:%u\n", conf.tls ? "https" : "http", conf.host.c_str(),
               server_->port());
}

void node::reload() {
  auto fresh = env_.reload();
  if (!fresh) {
    log::error("the configuration was not reloaded", {{"reason", fresh.failure().message}});
    return;
  }
  auto before = services_->settings->get();
  // What was decided at the start stays: addresses, store, cluster.
  fresh->server.host = before->conf.server.host;
  fresh->server.port = before->conf.server.port;
  if (!fresh->server.tls != !before->conf.server.tls) {
    log::warn("TLS is switched on or off by a restart only");
    fresh->server.tls = before->conf.server.tls;
  }
  fresh->store = before->conf.store;
  fresh->cluster = before->conf.cluster;
  server_->renew_tls(fresh->server.tls);
  log::configure(fresh->log_level, fresh->log_format);
  auto providers = providers_for(*fresh, before.get());
  services_->settings->set(
      std::make_shared<node_settings>(node_settings{std::move(*fresh), std::move(providers)}));
  log::info("the configuration was reloaded");
}

int node::serve_until_told() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&signals, s);
  for (;;) {
    const timespec wait{0, announced_ ? 500'000'000 : 5'000'000};
    const int s = sigtimedwait(&signals, nullptr, &wait);
    if (s == SIGTERM || s == SIGINT)
      return s;
    if (s == SIGHUP)
      reload();
    announce();
  }
}

// -- end --------------------------------------------------------------------------

namespace {

template <class Condition> void wait_until(clock::time_point deadline, Condition met) {
  while (!met() && clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(5));
}

} // namespace

bool node::idle() const {
  const auto& c = *services_->counters;
  return server_->in_flight() == 0 && c.operations_live == 0 && c.ends_waiting == 0;
}

void node::drain() {
  const auto settings = services_->settings->get();
  const auto& conf = settings->conf.server;
  const auto begun = clock::now(), until = begun + conf.drain_timeout;
  services_->status->draining = true;
  server_->close_behind_answers();
  log::info("draining: not ready any more, still serving who comes");
  wait_until(std::min(begun + conf.drain_grace, until),
             [this] { return server_->connections() == 0; });
  log::info("draining: no new connections, what is in flight ends");
  server_->drain();
  // Who has just connected gets a moment to ask.
  wait_until(std::min(clock::now() + first_request_wait, until),
             [this] { return server_->connections() == 0 && idle(); });
  wait_until(until, [this] { return idle(); });
  if (!idle())
    log::warn("the drain deadline has passed: what is still open is ended by the next node");
}

// With nothing left open nobody needs to clean up after this incarnation.
void node::leave_store() {
  if (!idle())
    return;
  const auto incarnation = services_->incarnation->get();
  store::command nodes, beats, tenants;
  nodes.arguments = {"HDEL", store::keys::nodes(), incarnation->text()};
  beats.arguments = {"HDEL", store::keys::beats(), incarnation->text()};
  tenants.arguments = {"DEL", store::keys::node_tenants(*incarnation)};
  for (auto* c : {&tenants, &beats, &nodes})
    (void)redis_->call(std::move(*c));
}

// The connection's complaints about a store that was told to stop are no news.
void node::stop_store() {
  log::info("stopped");
  log::configure(log::level::error, env_.conf.log_format);
  if (private_server_)
    private_server_->stop();
}

// Everything is stored and answered; actors hold each other, and need not be taken apart.
void node::leave_process(int status) {
  std::fflush(nullptr);
  std::_Exit(status);
}

void end_at_once(int) {
  _exit(1);
}

int node::run() {
  if (!start_store() || !store_fits())
    return 1;
  start_actors();
  if (auto started = start_http(); !started) {
    stop_store();
    std::fprintf(stderr, "ares: %s\n", started.failure().message.c_str());
    leave_process(1);
  }
  serve_until_told();

  // A second signal ends the process whatever it is doing.
  std::signal(SIGTERM, end_at_once);
  std::signal(SIGINT, end_at_once);
  sigset_t again;
  sigemptyset(&again);
  sigaddset(&again, SIGTERM);
  sigaddset(&again, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &again, nullptr);

  drain();
  server_->stop();
  leave_store();
  stop_store();
  leave_process(0);
}

} // namespace

int run_node(node_environment env) {
  return node(std::move(env)).run();
}

} // namespace ares::http
