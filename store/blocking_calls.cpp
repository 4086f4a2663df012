#include "store/blocking_calls.hpp"

#include "conf/log.hpp"
#include "store/scripts.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace ares::store {

namespace {

constexpr int attempts_max = 4;

error trouble(const answer& a) {
  switch (a.what) {
  case fate::full: return {errc::store_full, "The store is full"};
  case fate::unavailable:
  case fate::unknown: return {errc::store_unavailable, "The store is not available now"};
  case fate::done: break;
  }
  log::error("the store refused a command of the administration", {{"reply", a.value.text}});
  return {errc::internal, "Internal error"};
}

bool good(const answer& a) {
  return a.what == fate::done && a.value.type != reply::kind::error;
}

/// Collects the answers of commands that are under way together. Shared with their callbacks: a
/// late one finds it alive.
class gathering {
public:
  explicit gathering(std::size_t count) : answers_(count), missing_(count) {}

  void put(std::size_t index, answer a) {
    std::lock_guard lock(mutex_);
    answers_[index] = std::move(a);
    if (--missing_ == 0)
      all_there_.notify_one();
  }

  std::vector<answer> wait() {
    std::unique_lock lock(mutex_);
    all_there_.wait(lock, [this] { return missing_ == 0; });
    return std::move(answers_);
  }

private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  std::vector<answer> answers_;
  std::size_t missing_;
};

} // namespace

result<reply> blocking_calls::settle(const command& c) {
  answer a;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    a = redis_.call(c);
    if (a.what != fate::unknown)
      break;
  }
  if (!good(a))
    return trouble(a);
  return std::move(a.value);
}

result<reply> blocking_calls::call(std::vector<std::string> arguments) {
  command c;
  c.arguments = std::move(arguments);
  return settle(c);
}

result<reply> blocking_calls::run(std::string_view script, std::vector<std::string> keys,
                                  std::vector<std::string> arguments) {
  command c;
  c.run = &script_named(script);
  c.keys = keys.size();
  c.arguments = std::move(keys);
  c.arguments.insert(c.arguments.end(), std::make_move_iterator(arguments.begin()),
                     std::make_move_iterator(arguments.end()));
  return settle(c);
}

result<std::vector<reply>>
blocking_calls::call_all(std::vector<std::vector<std::string>> commands) {
  auto together = std::make_shared<gathering>(commands.size());
  std::vector<reply> replies;
  if (commands.empty())
    return replies;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    command c;
    c.arguments = commands[i];
    redis_.submit(std::move(c), [together, i](answer a) { together->put(i, std::move(a)); });
  }
  auto answers = together->wait();
  replies.reserve(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (good(answers[i])) {
      replies.push_back(std::move(answers[i].value));
      continue;
    }
    if (answers[i].what != fate::unknown)
      return trouble(answers[i]);
    auto again = call(std::move(commands[i]));
    if (!again)
      return again.failure();
    replies.push_back(std::move(*again));
  }
  return replies;
}

std::string_view word_of_script(const reply& r) {
  if (r.type != reply::kind::array || r.items.empty())
    return {};
  return r.items[0].text;
}

std::string text_of_script(const reply& r, std::size_t index) {
  return r.type == reply::kind::array && index < r.items.size() ? r.items[index].text
                                                                : std::string{};
}

} // namespace ares::store
