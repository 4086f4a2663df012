#include "store/redis.hpp"

#include "conf/log.hpp"
#include "store/redis_inbox.hpp"
#include "store/redis_link.hpp"
#include "store/redis_replies.hpp"
#include "store/trouble_log.hpp"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <exception>
#include <future>
#include <random>
#include <thread>
#include <utility>

namespace ares::store {

namespace {

using namespace std::chrono_literals;
using time_point = monotonic::time_point;

/// Redis may be away for this long before commands are refused at once.
constexpr auto blip_max = 100ms;
constexpr auto pause_min = 20ms, pause_max = 500ms;
constexpr auto heartbeat_pause = 1s;
constexpr auto refused_ping_pause = 100ms;
constexpr auto clock_pause = 2s;
/// Deadlines are looked at no more often than this.
constexpr auto sweep_pause = 2ms;
/// A longer round trip says too little about the clock.
constexpr auto clock_round_trip_max = 50ms;
/// Handed to the socket at once; what waits behind it is certainly not sent.
constexpr std::size_t batch_bytes_max = 256 * 1024;

/// Whom a reply is for.
enum class purpose { user, sign_in, time, ping, library };

struct sent_command {
  purpose why = purpose::user;
  queued_command user; // its callback is gone once it was answered
  time_point at;
  std::uint64_t end_position = 0;
};

/// A monotonic instant as poll's time-out, rounded up.
timespec time_left(time_point until) {
  const auto left = std::max(until - monotonic::now(), monotonic::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
}

} // namespace

/// Everything below `inbox` belongs to the store's thread.
struct redis::impl {
  impl(redis_options o, store_clock& c)
      : options(std::move(o)), address_good(parse_redis_url(options.url, address)), clock(c),
        inbox(options.queue_commands_max, options.queue_bytes_max) {}

  const redis_options options;
  redis_address address;
  const bool address_good;
  store_clock& clock;
  std::atomic<bool> ready = false;
  redis_inbox inbox;

  redis_inbox::arrivals arrivals;
  std::function<void(bool)> watcher;
  bool told_ready = false;

  std::deque<queued_command> waiting;
  std::deque<sent_command> sent;
  time_point next_sweep = time_point::max();

  enum class phase { down, connecting, greeting, up };
  phase now_in = phase::down;
  std::unique_ptr<redis_link> link;
  time_point phase_since = monotonic::now();
  time_point not_ready_since = monotonic::now();
  time_point next_attempt = monotonic::now();
  monotonic::duration pause = pause_min;
  time_point last_heard;
  time_point next_ping, next_time;
  bool ping_out = false;
  bool ping_good = false;
  bool clock_learned = false; // on this connection
  std::string fault;          // what Redis said or did that this connection cannot outlive

  trouble_log trouble;
  std::minstd_rand jitter{std::random_device{}()};

  std::thread thread;

  // -- the loop -----------------------------------------------------------------

  void run() {
    while (inbox.take(arrivals)) {
      const auto now = monotonic::now();
      if (arrivals.watcher)
        watcher = std::move(arrivals.watcher);
      keep_connected(now);
      update_ready(now);
      accept_arrivals(now);
      sweep(now);
      send_waiting(now);
      wait();
    }
    finish();
  }

  void wait() {
    const bool asleep = inbox.fall_asleep();
    pollfd watched[2] = {{inbox.descriptor(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (link) {
      watched[1].fd = link->descriptor();
      if (now_in == phase::connecting)
        watched[1].events = POLLOUT;
      else if (link->unsent_bytes() > 0)
        watched[1].events = POLLIN | POLLOUT;
    }
    const auto timeout = asleep ? time_left(next_wake_up()) : timespec{};
    ppoll(watched, 2, &timeout, nullptr);
    if (asleep)
      inbox.wake_up(watched[0].revents != 0);
    if (watched[1].revents != 0)
      handle_socket(watched[1].revents);
  }

  [[nodiscard]] time_point next_wake_up() const {
    auto next = next_sweep;
    if (!link)
      return std::min(next, next_attempt);
    if (now_in == phase::connecting)
      return std::min(next, phase_since + options.connect_deadline);
    if (now_in == phase::up)
      next = std::min(next, next_ping);
    if (!sent.empty())
      next = std::min(next, quiet_since() + (ready ? options.ping_deadline : silence_max()));
    return next;
  }

  void handle_socket(short events) {
    if (now_in == phase::connecting) {
      if (link->finish_connecting())
        greet();
      return;
    }
    if (events & (POLLIN | POLLHUP | POLLERR))
      link->receive([this](reply r) { take_reply(std::move(r)); });
    if (events & POLLOUT)
      link->flush();
  }

  /// A callback only ever reaches the inbox, so `sent` and `waiting` may be walked meanwhile.
  void finish() {
    ready = false;
    const auto limit = link ? link->sent_position() : 0;
    link.reset();
    for (auto& s : sent)
      settle(s, s.end_position > limit ? fate::unavailable : fate::unknown);
    for (auto& c : waiting)
      settle(c, {fate::unavailable, {}});
    do {
      for (auto& c : arrivals.commands)
        settle(c, {fate::unavailable, {}});
      inbox.take(arrivals);
    } while (!arrivals.commands.empty());
  }

  // -- the connection -----------------------------------------------------------

  void enter(phase p, time_point now) {
    now_in = p;
    phase_since = now;
  }

  void keep_connected(time_point now) {
    if (!link) {
      if (now >= next_attempt)
        connect(now);
    } else if (const auto why = reason_to_cut(now); !why.empty()) {
      cut(why, now);
    } else if (now_in == phase::up && now >= next_ping) {
      beat(now);
    }
  }

  [[nodiscard]] std::string reason_to_cut(time_point now) const {
    if (!link->broken().empty())
      return link->broken();
    if (!fault.empty())
      return fault;
    if (now_in == phase::connecting && now - phase_since >= options.connect_deadline)
      return "no connection in time";
    if (!sent.empty() && now - quiet_since() >= silence_max())
      return "no answer in time";
    return {};
  }

  /// Since when an answer has been owed and nothing was heard.
  [[nodiscard]] time_point quiet_since() const { return std::max(last_heard, sent.front().at); }
  [[nodiscard]] monotonic::duration silence_max() const {
    return now_in == phase::up ? options.silence_max : options.ping_deadline;
  }

  void connect(time_point now) {
    if (!address_good) {
      trouble.away("store.url is malformed", "url");
      next_attempt = time_point::max();
      return;
    }
    link = std::make_unique<redis_link>(address);
    enter(phase::connecting, now);
    if (!link->broken().empty())
      cut(link->broken(), now);
  }

  /// AUTH and SELECT where the address has them, TIME and PING: in one write.
  void greet() {
    const auto now = monotonic::now();
    enter(phase::greeting, now);
    last_heard = next_time = now;
    next_ping = now + heartbeat_pause;
    ping_out = ping_good = clock_learned = false;
    fault.clear();
    if (!address.password.empty() && address.user.empty())
      send_own(purpose::sign_in, {"AUTH", address.password}, now);
    else if (!address.password.empty())
      send_own(purpose::sign_in, {"AUTH", address.user, address.password}, now);
    if (address.database != 0)
      send_own(purpose::sign_in, {"SELECT", std::to_string(address.database)}, now);
    ping(now);
  }

  void beat(time_point now) {
    next_ping = now + heartbeat_pause;
    if (!ping_out && link->unsent_bytes() == 0) // else an answer is owed: silence tells as much
      ping(now);
  }

  void ping(time_point now) {
    if (now >= next_time) {
      next_time = now + clock_pause;
      send_own(purpose::time, {"TIME"}, now);
    }
    ping_out = true;
    send_own(purpose::ping, {"PING"}, now);
    link->flush();
  }

  void send_own(purpose why, std::initializer_list<std::string_view> arguments, time_point now) {
    link->begin_command(arguments.size());
    for (const auto argument : arguments)
      link->argument(argument);
    sent.push_back({why, {}, now, link->end_position()});
  }

  /// What was completely sent is `unknown`; what was not waits for the next connection.
  void cut(const std::string& why, time_point now) {
    trouble.away(why, why);
    const auto limit = link->sent_position();
    link.reset();
    enter(phase::down, now);
    next_attempt = now + jittered(pause);
    pause = std::min<monotonic::duration>(pause * 2, pause_max);
    update_ready(now);
    for (; !sent.empty() && sent.back().end_position > limit; sent.pop_back())
      if (auto& last = sent.back(); last.why == purpose::user && !last.user.answered)
        waiting.push_front(std::move(last.user));
      else
        settle(last, fate::unknown);
    for (auto& s : sent)
      settle(s, fate::unknown);
    sent.clear();
  }

  monotonic::duration jittered(monotonic::duration d) {
    const auto part = std::uniform_real_distribution<double>(0.5, 1.0)(jitter);
    return std::chrono::duration_cast<monotonic::duration>(d * part);
  }

  void update_ready(time_point now) {
    const bool quiet = link && !sent.empty() && now - quiet_since() >= options.ping_deadline;
    const bool is_ready = now_in == phase::up && ping_good && !quiet;
    if (is_ready != ready) {
      ready = is_ready;
      not_ready_since = now;
      is_ready ? log::info("the store is ready") : log::warn("the store is not ready");
      if (is_ready) {
        pause = pause_min;
        trouble.back();
      }
    }
    if (watcher && told_ready != is_ready) {
      told_ready = is_ready;
      guarded([&] { watcher(is_ready); });
    }
  }

  // -- commands -----------------------------------------------------------------

  void accept_arrivals(time_point now) {
    const bool refuse = !ready && now - not_ready_since > blip_max;
    for (auto& c : arrivals.commands) {
      if (refuse || c.refused) {
        settle(c, {fate::unavailable, {}});
      } else {
        next_sweep = std::min(next_sweep, c.deadline);
        waiting.push_back(std::move(c));
      }
    }
    arrivals.commands.clear();
  }

  void send_waiting(time_point now) {
    if (!ready || waiting.empty())
      return;
    for (; !waiting.empty() && link->unsent_bytes() < batch_bytes_max; waiting.pop_front()) {
      auto& next = waiting.front();
      if (next.deadline <= now) {
        settle(next, {fate::unavailable, {}});
      } else {
        if (next.whole_text && !next.what.run->function.empty())
          send_own(purpose::library, {"FUNCTION", "LOAD", "REPLACE", next.what.run->text}, now);
        link->put(next.what, next.whole_text);
        sent.push_back({purpose::user, std::move(next), now, link->end_position()});
      }
    }
    link->flush();
  }

  /// Answers what is past its deadline. A sent command keeps its place, for the reply to come.
  void sweep(time_point now) {
    if (now < next_sweep)
      return;
    auto next = time_point::max();
    for (auto& s : sent) {
      if (s.why != purpose::user || s.user.answered)
        continue;
      if (s.user.deadline <= now)
        answer_late(s.user);
      else
        next = std::min(next, s.user.deadline);
    }
    std::erase_if(waiting, [&](queued_command& c) {
      const bool late = c.deadline <= now;
      if (late)
        settle(c, {fate::unavailable, {}});
      else
        next = std::min(next, c.deadline);
      return late;
    });
    next_sweep = std::max(next, now + sweep_pause);
  }

  void answer_late(queued_command& c) {
    c.answered = true;
    c.what.arguments = {};
    call(std::exchange(c.done, nullptr), {fate::unknown, {}});
  }

  void settle(sent_command& s, fate f) {
    if (s.why == purpose::user)
      settle(s.user, {f, {}});
  }

  /// The end of a command: makes room for another, and answers if that was not done.
  void settle(queued_command& c, answer a) {
    inbox.release(c);
    if (!std::exchange(c.answered, true))
      call(c.done, std::move(a));
  }

  static void call(const callback& done, answer a) {
    if (done)
      guarded([&] { done(std::move(a)); });
  }

  template <class Function> static void guarded(Function f) noexcept {
    try {
      f();
    } catch (const std::exception& e) {
      log::error("a callback of the store threw", {{"what", e.what()}});
    } catch (...) {
      log::error("a callback of the store threw");
    }
  }

  // -- replies ------------------------------------------------------------------

  void take_reply(reply r) {
    if (sent.empty())
      return condemn(r.type == reply::kind::error ? r.text : "a reply nobody asked for");
    auto s = std::move(sent.front());
    sent.pop_front();
    last_heard = monotonic::now();
    if (s.why == purpose::user)
      take_answer(std::move(s.user), std::move(r));
    else if (s.why == purpose::time)
      take_time(r, last_heard - s.at);
    else if (s.why == purpose::ping)
      take_ping(r);
    else if (r.type == reply::kind::error && s.why == purpose::sign_in)
      condemn(r.text);
    else if (r.type == reply::kind::error)
      trouble.away(r.text, error_code(r.text)); // the call behind it fails, and says so
  }

  /// The first reason is the one to tell.
  void condemn(const std::string& why) {
    if (fault.empty())
      fault = why;
  }

  void take_answer(queued_command c, reply r) {
    auto what = fate::done;
    if (r.type == reply::kind::error) {
      if (c.what.run && !c.whole_text && !c.answered && is_unknown_script(r.text)) {
        c.whole_text = true;
        waiting.push_back(std::move(c));
        return;
      }
      what = fate_of_error(r.text);
      if (what == fate::unavailable)
        trouble.away(r.text, error_code(r.text));
      else if (what == fate::done)
        trouble.command_failed(c.what, r.text);
    }
    settle(c, {what, std::move(r)});
  }

  /// TIME (seconds, microseconds) was true about half a round trip ago.
  void take_time(const reply& r, monotonic::duration round_trip) {
    const auto told = time_of(r);
    if (!told || (std::exchange(clock_learned, true) && round_trip > clock_round_trip_max))
      return;
    const auto now = *told + round_trip / 2;
    clock.learn(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  }

  /// MISCONF says that writes are refused; the server itself is well, and reads are served.
  void take_ping(const reply& r) {
    ping_out = false;
    ping_good = r.type != reply::kind::error || error_code(r.text) == "MISCONF";
    if (error_code(r.text) == "NOAUTH") {
      condemn(r.text);
    } else if (!ping_good) {
      trouble.away(r.text, error_code(r.text));
      next_ping = last_heard + refused_ping_pause;
    }
    if (now_in == phase::greeting)
      enter(phase::up, last_heard);
  }
};

// -- the interface ----------------------------------------------------------------

redis::redis(redis_options options, store_clock& clock)
    : impl_(std::make_unique<impl>(std::move(options), clock)) {
  impl_->thread = std::thread([state = impl_.get()] {
    sigset_t all;
    sigfillset(&all); // signals are main's
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "store");
    state->run();
  });
}

redis::~redis() {
  impl_->inbox.stop();
  impl_->thread.join();
}

void redis::submit(command c, callback done) {
  impl_->inbox.put(std::move(c), std::move(done));
}

answer redis::call(command c) {
  auto promised = std::make_shared<std::promise<answer>>(); // set_value may outlive get
  auto result = promised->get_future();
  submit(std::move(c), [promised](answer a) { promised->set_value(std::move(a)); });
  return result.get();
}

bool redis::ready() const noexcept {
  return impl_->ready;
}

void redis::on_ready_change(std::function<void(bool)> watcher) {
  impl_->inbox.watch(std::move(watcher));
}

} // namespace ares::store
