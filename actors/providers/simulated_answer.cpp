#include "actors/providers/simulated_answer.hpp"

#include "actors/providers/schema_instance.hpp"

#include <algorithm>
#include <cmath>

namespace ares {
namespace {

constexpr std::size_t characters_per_token = 4;

std::string simulated_text(const completion_request& request) {
  if (request.response_schema)
    return dump_json(schema_instance(*request.response_schema));
  auto last = std::find_if(request.messages.rbegin(), request.messages.rend(),
                           [](const auto& m) { return m.from == chat_message::role::user; });
  return "[simulated] " + (last == request.messages.rend() ? std::string() : last->content);
}

} // namespace

completion simulated_completion(const completion_request& request) {
  completion answer;
  answer.content = simulated_text(request);
  if (request.max_tokens && estimate_tokens(answer.content) > *request.max_tokens) {
    const auto tokens = static_cast<std::size_t>(std::max(*request.max_tokens, 0));
    answer.content.resize(code_points_length(answer.content, tokens * characters_per_token));
    answer.finish = finish_reason::length;
  }
  answer.tokens = estimate_prompt_tokens(request.messages) + estimate_tokens(answer.content);
  return answer;
}

std::size_t code_points_length(std::string_view text, std::size_t count) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (text[at] & 0xC0) != 0x80;
    if (begins && count-- == 0)
      return at;
  }
  return at;
}

bool simulated_failure(std::uint64_t sequence, double rate) noexcept {
  // SplitMix64 (Steele, Lea, Flood 2014): consecutive numbers in, well spread bits out.
  std::uint64_t z = (sequence + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53 < rate;
}

token_pace::duration token_pace::due(std::int64_t index) const noexcept {
  if (rate_ <= 0)
    return latency_;
  // A rate so low that the time leaves the range of the clock means "not today".
  const double wait = std::min(std::ceil(static_cast<double>(index) / rate_ * 1e9), 1e18);
  return latency_ + duration(static_cast<std::int64_t>(wait));
}

std::int64_t token_pace::tokens_by(duration elapsed, std::int64_t total) const noexcept {
  if (elapsed < latency_)
    return 0;
  if (rate_ <= 0)
    return total;
  const double said = static_cast<double>((elapsed - latency_).count()) * 1e-9 * rate_;
  if (said >= static_cast<double>(total))
    return total;
  // The product may round to either side of a whole number: `due` decides.
  auto count = static_cast<std::int64_t>(said);
  while (count > 0 && due(count) > elapsed)
    --count;
  while (count < total && due(count) <= elapsed)
    ++count;
  return count;
}

} // namespace ares
