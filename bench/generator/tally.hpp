#pragma once

#include "bench/generator/histogram.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ares::bench {

/// What went wrong without a status.
struct failures {
  std::uint64_t connect = 0;    ///< a connection could not be made
  std::uint64_t closed = 0;     ///< the server closed before or within an answer
  std::uint64_t timeout = 0;    ///< no whole answer in time
  std::uint64_t malformed = 0;  ///< what came is no HTTP/1.1
  std::uint64_t unexpected = 0; ///< the answer's body lacks what was expected
};

/// One second of the measurement, by the time of the answer.
struct second {
  std::uint64_t ok = 0;
  std::uint64_t other = 0;
  histogram ok_latency;
};

/// What one worker counted within the measured time; added up at the end. Of one thread.
///
/// In an open loop a latency begins when the request was due, not when it could be sent: a server
/// that stands still makes all who would have come meanwhile wait, and is not asked fewer questions
/// (coordinated omission).
struct tally {
  std::uint64_t due = 0;        ///< requests of an open loop that were due
  std::uint64_t answered = 0;   ///< answers that came within the measured time
  std::uint64_t ok = 0;         ///< of them 2xx
  std::uint64_t unfinished = 0; ///< open loop: due, but without an answer when the drain ended
  std::uint64_t reconnects = 0; ///< an idle connection had been closed by the server
  failures failed;
  std::array<std::uint64_t, 600> statuses{};

  histogram ok_latency;
  histogram other_latency; ///< of answers that are not 2xx

  std::uint64_t events = 0;
  std::uint64_t comments = 0;
  histogram first_event; ///< from the request (or when it was due) to the first event
  histogram event_gap;   ///< between two events of a stream
  histogram event_age;   ///< since the stamp in the event (the upstream's write)

  std::vector<second> seconds;
  std::string bad_answer; ///< the beginning of one that was not 2xx or not as expected

  void add(const tally& other);
};

} // namespace ares::bench
