#include "bench/generator/tally.hpp"

namespace ares::bench {

void tally::add(const tally& other) {
  due += other.due;
  answered += other.answered;
  ok += other.ok;
  unfinished += other.unfinished;
  reconnects += other.reconnects;
  failed.connect += other.failed.connect;
  failed.closed += other.failed.closed;
  failed.timeout += other.failed.timeout;
  failed.malformed += other.failed.malformed;
  failed.unexpected += other.failed.unexpected;
  for (std::size_t i = 0; i < statuses.size(); ++i)
    statuses[i] += other.statuses[i];
  ok_latency.add(other.ok_latency);
  other_latency.add(other.other_latency);
  events += other.events;
  comments += other.comments;
  first_event.add(other.first_event);
  event_gap.add(other.event_gap);
  event_age.add(other.event_age);
  if (seconds.size() < other.seconds.size())
    seconds.resize(other.seconds.size());
  for (std::size_t i = 0; i < other.seconds.size(); ++i) {
    seconds[i].ok += other.seconds[i].ok;
    seconds[i].other += other.seconds[i].other;
    seconds[i].ok_latency.add(other.seconds[i].ok_latency);
  }
  if (bad_answer.empty())
    bad_answer = other.bad_answer;
}

} // namespace ares::bench
