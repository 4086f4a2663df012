// The only translation unit that includes RESTinio. RESTinio accepts, owns the connections, calls
// the handler for one request after the other and writes the answers in order; its socket type is
// ours, so that bytes pass through our parser first, and the end of a client is seen at any time.
#include "http/server.hpp"

#include "http/connection.hpp"
#include "http/front_socket.hpp"
#include "http/http_thread.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <poll.h>
#include <restinio/all.hpp>

#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

namespace ares::http {

// Two calls that RESTinio makes unqualified for its socket type, so they stand in its namespace.
static restinio::tls_socket_t* make_tls_socket_pointer_for_state_listener(front_socket&) noexcept {
  return nullptr;
}

template <class Connection, class Start, class Fail>
static void prepare_connection_and_start_read(front_socket& socket, Connection&, Start start,
                                              Fail) {
  if (socket.admit())
    start();
}

namespace {

struct traits : restinio::default_single_thread_traits_t {
  using timer_manager_t = restinio::null_timer_manager_t; // the http_thread keeps all time limits
  using stream_socket_t = front_socket;
};

/// RESTinio never accepts again once an accept has failed, as it does when the process is out of
/// descriptors. In the place of RESTinio's limiter of connections this one notices, and tries
/// again.
class accept_keeper {
public:
  using acceptor_interface = restinio::connection_count_limits::impl::acceptor_callback_iface_t;
  // RESTinio makes the one of a thread's server; it is picked up here right behind that.
  static inline thread_local accept_keeper* made_last = nullptr;

  accept_keeper(restinio::not_null_pointer_t<acceptor_interface> acceptor,
                restinio::connection_count_limits::max_parallel_connections_t,
                restinio::connection_count_limits::max_active_accepts_t)
      : acceptor_(acceptor) {
    made_last = this;
  }

  void accept_next(std::size_t index) noexcept {
    seen_waiting_ = false;
    acceptor_->call_accept_now(index);
  }
  void increment_parallel_connections() noexcept {}
  void decrement_parallel_connections() noexcept {}

  /// Every tick: a client that waits for the second time in a row is not being accepted.
  void look(int listening_descriptor) {
    pollfd p{listening_descriptor, POLLIN, 0};
    const bool waiting = ::poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
    if (waiting && seen_waiting_)
      acceptor_->schedule_next_accept_attempt(0); // there is one accept at a time, number 0
    seen_waiting_ = waiting;
  }

private:
  acceptor_interface* acceptor_;
  bool seen_waiting_ = false;
};

} // namespace

} // namespace ares::http

template <> struct restinio::connection_count_limit_types<ares::http::traits> {
  using limiter_t = ares::http::accept_keeper;
  using lifetime_monitor_t = connection_count_limits::connection_lifetime_monitor_t<limiter_t>;
};

namespace ares::http {

namespace {

/// A storm of new connections does not keep a server from stopping.
constexpr std::chrono::milliseconds backlog_time_max{500};

using restinio_server = restinio::http_server_t<traits>;

void write_through_restinio(const reply_path& path, connection& from, outgoing out) {
  restinio::writable_items_container_t items;
  items.reserve(2);
  if (!out.bytes.empty())
    items.emplace_back(std::move(out.bytes));
  if (!out.body.empty())
    items.emplace_back(std::move(out.body));
  restinio::write_group_t group(std::move(items));
  // The group lives in RESTinio's connection, and that holds ours.
  group.after_write_notificator(
      [at = &from](const std::error_code& error) { at->on_group_written(!error); });
  using namespace restinio;
  const response_output_flags_t flags{out.last ? response_parts_attr_t::final_parts
                                               : response_parts_attr_t::not_final_parts,
                                      out.close ? response_connection_attr_t::connection_close
                                                : response_connection_attr_t::connection_keepalive};
  static_cast<impl::connection_base_t*>(path.restinio_connection.get())
      ->write_response_parts(static_cast<request_id_t>(path.request_id), flags, std::move(group));
}

restinio::request_handling_status_t take_request(const restinio::request_handle_t& r) {
  ticket at = nullptr;
  std::memcpy(&at, r->header().request_target().data(), ticket_bytes);
  at->begin_exchange({std::move(restinio::impl::access_req_connection(*r)), r->request_id(),
                      &write_through_restinio});
  return restinio::request_accepted();
}

asio::ip::address resolve(const std::string& host) {
  asio::io_context io;
  std::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(host, "", error);
  if (error || found.empty())
    throw std::runtime_error("cannot resolve the host \"" + host + "\": " + error.message());
  return found.begin()->endpoint().address();
}

/// With SO_REUSEPORT two servers can share a port unnoticed; this finds another one beforehand.
void check_port_is_free(const asio::ip::tcp::endpoint& at) {
  asio::io_context io;
  asio::ip::tcp::acceptor probe(io, at.protocol());
  probe.set_option(asio::ip::tcp::acceptor::reuse_address(true));
  probe.bind(at);
}

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// An HTTP thread with the RESTinio server that accepts for it.
struct accepting_thread {
  std::shared_ptr<http_thread> http;
  std::unique_ptr<restinio_server> accepting;
  asio::executor_work_guard<asio::io_context::executor_type> until_stopped;
  asio::ip::tcp::acceptor* acceptor = nullptr; // RESTinio's, as long as `accepting`
  std::thread runner;

  /// Binds and listens; nothing runs before `start`. Sets the port if it was 0.
  accepting_thread(const std::shared_ptr<front>& shared, asio::ip::tcp::endpoint& at)
      : http(std::make_shared<http_thread>(shared)), until_stopped(http->io().get_executor()) {
    asio::use_service<thread_of_context>(http->io()).thread = http;
    const bool shares_port = shared->options.threads > 1;
    restinio::server_settings_t<traits> settings;
    settings.address(at.address())
        .protocol(at.protocol())
        .port(at.port())
        .buffer_size(ticket_bytes)
        .max_pipelined_requests(1)
        .request_handler(&take_request)
        .acceptor_options_setter([shares_port](restinio::acceptor_options_t& options) {
          options.set_option(asio::ip::tcp::acceptor::reuse_address(true));
          if (shares_port)
            options.set_option(reuse_port(true));
        })
        .acceptor_post_bind_hook([&at, this](asio::ip::tcp::acceptor& bound) {
          acceptor = &bound;
          at.port(bound.local_endpoint().port());
          http->on_tick([&acceptor = bound, keeper = accept_keeper::made_last] {
            if (acceptor.is_open())
              keeper->look(acceptor.native_handle());
          });
        });
    accepting = std::make_unique<restinio_server>(restinio::external_io_context(http->io()),
                                                  std::move(settings));
    accepting->open_sync();
  }

  void start() {
    http->tick();
    runner = std::thread([this] { run(); });
  }

  /// Stops listening once nobody waits to be accepted: the kernel resets whom it has accepted for a
  /// socket that closes. Each turn of the io_context accepts one of them.
  void stop_accepting(steady_time give_up_at) {
    if (acceptor->is_open() && someone_waits() && std::chrono::steady_clock::now() < give_up_at) {
      asio::post(http->io(), [this, give_up_at] { stop_accepting(give_up_at); });
      return;
    }
    accepting->close_sync();
    http->close_idle();
  }

  bool someone_waits() const {
    pollfd listening{acceptor->native_handle(), POLLIN, 0};
    return ::poll(&listening, 1, 0) == 1;
  }

  void run() noexcept {
    for (;;) {
      try {
        http->io().run();
        return;
      } catch (...) {
        // A callback threw; the others shall not pay for it.
      }
    }
  }
};

} // namespace

struct server::impl {
  std::shared_ptr<front> shared;
  asio::ip::tcp::endpoint at;
  std::vector<std::unique_ptr<accepting_thread>> threads;

  void on_each_thread(void (*what)(accepting_thread&)) {
    for (auto& t : threads)
      asio::post(t->http->io(), [what, thread = t.get()] { what(*thread); });
  }
};

server::server(server_options options, handler on_request, early_handler refuse_early)
    : impl_(std::make_unique<impl>()) {
  impl_->shared = std::make_shared<front>();
  impl_->shared->options = std::move(options);
  impl_->shared->on_request = std::move(on_request);
  impl_->shared->refuse_early = std::move(refuse_early);
  const auto& chosen = impl_->shared->options;
  impl_->at = {resolve(chosen.host), chosen.port};
  try {
    check_port_is_free(impl_->at);
    for (int i = 0; i < std::max(chosen.threads, 1); ++i)
      impl_->threads.push_back(std::make_unique<accepting_thread>(impl_->shared, impl_->at));
  } catch (const std::exception& e) {
    throw std::runtime_error("cannot listen on " + chosen.host + ":" + std::to_string(chosen.port) +
                             ": " + e.what());
  }
  for (auto& t : impl_->threads)
    t->start();
}

server::~server() {
  stop();
}

std::uint16_t server::port() const noexcept {
  return impl_->at.port();
}

void server::renew_tls(tls_context fresh) {
  const std::lock_guard lock(impl_->shared->tls_mutex);
  if (fresh && impl_->shared->options.tls)
    impl_->shared->options.tls = std::move(fresh);
}

void server::close_behind_answers() {
  impl_->shared->closing = true;
}

void server::drain() {
  impl_->shared->closing = true;
  impl_->shared->draining = true;
  impl_->on_each_thread([](accepting_thread& t) {
    t.stop_accepting(std::chrono::steady_clock::now() + backlog_time_max);
  });
}

std::size_t server::in_flight() const noexcept {
  return impl_->shared->in_flight;
}

std::size_t server::connections() const noexcept {
  return impl_->shared->connections;
}

void server::stop() {
  impl_->on_each_thread([](accepting_thread& t) {
    t.accepting->close_sync();
    t.http->stop();
    t.until_stopped.reset(); // the thread ends when all that was cut has been cleaned up
  });
  for (auto& t : impl_->threads) {
    t->runner.join();
    t->accepting.reset();
  }
  impl_->threads.clear();
}

} // namespace ares::http
