#include "http/metrics.hpp"

#include "http/process_metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

namespace ares::http {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// -- the labels, all of them known beforehand ---------------------------------

constexpr std::size_t endpoint_count = static_cast<std::size_t>(endpoint::admin) + 1;

/// Every status of the API; others are counted together behind them.
constexpr std::array<int, 23> statuses{200, 201, 202, 204, 400, 401, 404, 405, 408, 409, 413, 414,
                                       415, 417, 422, 429, 431, 500, 501, 502, 503, 504, 505};
constexpr std::size_t status_count = statuses.size() + 1;

std::size_t status_slot(int status) {
  const auto at = std::lower_bound(statuses.begin(), statuses.end(), status);
  return at != statuses.end() && *at == status ? static_cast<std::size_t>(at - statuses.begin())
                                               : statuses.size();
}

std::string status_label(std::size_t slot) {
  return slot < statuses.size() ? std::to_string(statuses[slot]) : "other";
}

// -- what is counted ----------------------------------------------------------

using counter = std::atomic<std::uint64_t>;
using status_counters = std::array<counter, status_count>;

/// Seconds: from an answer out of memory to a run at its default time-out.
constexpr std::array<double, 16> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                        0.5,   1,      2.5,   5,    10,    30,   60,  120};

/// A histogram without the mutex of prometheus::Histogram.
class durations {
public:
  void observe(std::chrono::steady_clock::duration took) {
    const double seconds = std::chrono::duration<double>(took).count();
    const auto slot = static_cast<std::size_t>(
        std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin());
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
    counts_[slot].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(static_cast<std::uint64_t>(ns), std::memory_order_relaxed);
  }

  /// The buckets and the count agree; the sum may be an observation ahead or behind.
  [[nodiscard]] ClientMetric::Histogram collect() const {
    ClientMetric::Histogram h;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      h.sample_count += counts_[i].load(std::memory_order_relaxed);
      h.bucket.push_back({h.sample_count, bounds[i]});
    }
    h.sample_count += counts_.back().load(std::memory_order_relaxed);
    h.sample_sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
    return h;
  }

private:
  std::array<counter, bounds.size() + 1> counts_{}; // the last: above every bound
  counter sum_ns_{0};
};

/// On cache lines of its own, so that endpoints do not slow each other.
struct alignas(64) endpoint_series {
  status_counters answers{};
  durations took;
};

// -- rendering ----------------------------------------------------------------

ClientMetric counted(std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric m;
  m.label = std::move(labels);
  m.counter.value = value;
  return m;
}

/// What was counted at least once; `labels` are those beside the status.
void add_statuses(MetricFamily& family, const status_counters& counters,
                  const std::vector<ClientMetric::Label>& labels) {
  for (std::size_t slot = 0; slot < status_count; ++slot)
    if (const auto n = counters[slot].load(std::memory_order_relaxed); n > 0) {
      auto all = labels;
      all.push_back({"status", status_label(slot)});
      family.metric.push_back(counted(std::move(all), static_cast<double>(n)));
    }
}

MetricFamily counter_family(const char* name, const char* help,
                            const std::atomic<std::int64_t>& value) {
  return {name,
          help,
          MetricType::Counter,
          {counted({}, static_cast<double>(value.load(std::memory_order_relaxed)))}};
}

MetricFamily gauge_family(const char* name, const char* help, std::int64_t value) {
  ClientMetric m;
  m.gauge.value = static_cast<double>(value);
  return {name, help, MetricType::Gauge, {m}};
}

MetricFamily runs_ended(const node_counters& n) {
  MetricFamily family{
      "ares_runs_ended_total", "Runs that this node ended.", MetricType::Counter, {}};
  const auto add = [&family](const char* status, const std::atomic<std::int64_t>& value) {
    family.metric.push_back(
        counted({{"status", status}}, static_cast<double>(value.load(std::memory_order_relaxed))));
  };
  add("completed", n.runs_completed);
  add("failed", n.runs_failed);
  add("cancelled", n.runs_cancelled);
  return family;
}

void add_node(std::vector<MetricFamily>& all, const node_counters& n) {
  all.push_back(
      counter_family("ares_runs_started_total", "Runs that this node admitted.", n.runs_started));
  all.push_back(runs_ended(n));
  all.push_back(counter_family("ares_chats_started_total", "Chats that this node admitted.",
                               n.chats_started));
  all.push_back(counter_family("ares_tokens_total",
                               "Tokens of runs and chats, prompt and completion.", n.tokens));
  all.push_back(
      gauge_family("ares_operations_in_flight", "Runs and chats under way.", n.operations_live));
  all.push_back(
      gauge_family("ares_tenants_active", "Tenants this node holds in memory.", n.tenants_active));
  all.push_back(gauge_family("ares_ends_waiting",
                             "Ends of runs and chats that are not in the store yet.",
                             n.ends_waiting));
}

void add_admission(std::vector<MetricFamily>& all, const admission_gate::figures& f) {
  static constexpr std::array<const char*, work_kinds> kinds{"executing", "reading", "cancelling"};
  MetricFamily limit{"ares_admission_limit",
                     "Requests that may be on their way into the store at once.",
                     MetricType::Gauge,
                     {}};
  MetricFamily under_way{
      "ares_admissions_under_way", "Requests on their way into the store.", MetricType::Gauge, {}};
  MetricFamily refused{"ares_requests_shed_total",
                       "Requests refused for an overload of the node.",
                       MetricType::Counter,
                       {}};
  for (std::size_t i = 0; i < work_kinds; ++i) {
    ClientMetric m;
    m.label = {{"kind", kinds[i]}};
    m.gauge.value = static_cast<double>(f.limit[i]);
    limit.metric.push_back(m);
    m.gauge.value = static_cast<double>(f.under_way[i]);
    under_way.metric.push_back(m);
    refused.metric.push_back(counted(m.label, static_cast<double>(f.refused[i])));
  }
  ClientMetric delay;
  delay.gauge.value = std::chrono::duration<double>(f.delay).count();
  all.push_back(std::move(limit));
  all.push_back(std::move(under_way));
  all.push_back(std::move(refused));
  all.push_back(
      {"ares_queue_delay_seconds",
       "From a request's arrival to the store's answer to its admission; mean of the last "
       "tenth of a second that had any.",
       MetricType::Gauge,
       {delay}});
}

} // namespace

struct metrics::impl {
  std::shared_ptr<node_counters> node;
  std::shared_ptr<admission_gate> gate;
  std::array<endpoint_series, endpoint_count> endpoints{};
  status_counters refused{};

  void add_requests(std::vector<MetricFamily>& all) const;
};

void metrics::impl::add_requests(std::vector<MetricFamily>& all) const {
  MetricFamily requests{"ares_http_requests_total", "Requests answered.", MetricType::Counter, {}};
  MetricFamily took{"ares_http_request_duration_seconds",
                    "From a request's arrival to its answer, or to a stream's first event.",
                    MetricType::Histogram,
                    {}};
  MetricFamily none{"ares_http_refused_total",
                    "Requests refused before they had a route.",
                    MetricType::Counter,
                    {}};
  for (std::size_t i = 0; i < endpoint_count; ++i) {
    const std::vector<ClientMetric::Label> label{{"endpoint", to_string(static_cast<endpoint>(i))}};
    add_statuses(requests, endpoints[i].answers, label);
    ClientMetric m;
    m.label = label;
    m.histogram = endpoints[i].took.collect();
    if (m.histogram.sample_count > 0)
      took.metric.push_back(std::move(m));
  }
  add_statuses(none, refused, {});
  all.push_back(std::move(requests));
  all.push_back(std::move(took));
  all.push_back(std::move(none));
}

metrics::metrics(std::shared_ptr<node_counters> counters, std::shared_ptr<admission_gate> gate)
    : impl_(std::make_unique<impl>()) {
  impl_->node = std::move(counters);
  impl_->gate = std::move(gate);
}

metrics::~metrics() = default;

void metrics::answered(endpoint where, int status, std::chrono::steady_clock::duration took) {
  auto& series = impl_->endpoints[static_cast<std::size_t>(where)];
  series.answers[status_slot(status)].fetch_add(1, std::memory_order_relaxed);
  series.took.observe(took);
}

void metrics::refused(int status) {
  impl_->refused[status_slot(status)].fetch_add(1, std::memory_order_relaxed);
}

std::string metrics::text(const tls_context& certificate) const {
  std::vector<MetricFamily> all;
  impl_->add_requests(all);
  add_node(all, *impl_->node);
  if (certificate)
    all.push_back(gauge_family("ares_tls_certificate_end_seconds",
                               "When the certificate of new connections ends, in Unix time.",
                               certificate_end(certificate)));
  if (impl_->gate)
    add_admission(all, impl_->gate->now());
  auto process = process_metrics();
  std::move(process.begin(), process.end(), std::back_inserter(all));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return std::move(out).str();
}

} // namespace ares::http
