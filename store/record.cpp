#include "store/record.hpp"

#include "conf/clock.hpp"

namespace ares::store {

namespace {

constexpr std::string_view running_status = "\"status\":\"running\"";
constexpr std::string_view cancelled_status = "\"status\":\"cancelled\"";
constexpr std::string_view no_tokens = "\"tokens_used\":0}";
// {"id":"36","agent_id":"36",
constexpr std::size_t status_at = 7 + 36 + 14 + 36 + 2;

} // namespace

std::string record_head(const operation_id& id, std::string_view agent, std::string_view input) {
  std::string head;
  head.reserve(status_at + running_status.size() + input.size() + 16);
  head += R"({"id":")";
  head += id.text();
  head += R"(","agent_id":")";
  head += agent;
  head += "\",";
  head += running_status;
  head += R"(,"input":)";
  head += input;
  head += ',';
  return head;
}

std::string running_record(const std::string& head, std::int64_t started_ms) {
  auto record = head;
  record += R"("output":null,"error":null,"started_at":")";
  record += rfc3339(started_ms);
  record += R"(","finished_at":null,"duration_ms":null,)";
  record += no_tokens;
  return record;
}

std::string with_tokens(std::string record, std::int64_t tokens) {
  if (is_running(record) && record.ends_with(no_tokens))
    record.replace(record.size() - 2, 1, std::to_string(tokens));
  return record;
}

bool is_running(std::string_view record) noexcept {
  return record.size() > status_at && record.substr(status_at).starts_with(running_status);
}

std::string id_start(std::int64_t unix_ms) {
  uuid first;
  for (int i = 0; i < 6; ++i)
    first.bytes[i] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  return first.text().substr(0, 14);
}

bool is_cancelled(std::string_view record) noexcept {
  return record.size() > status_at && record.substr(status_at).starts_with(cancelled_status);
}

std::string ended_record(const std::string& head, std::int64_t started_ms, const run_end& end) {
  auto record = head;
  record.replace(status_at, running_status.size(),
                 "\"status\":\"" + std::string(to_string(end.figures.how)) + '"');
  record += R"("output":)";
  record += end.output_json;
  record += R"(,"error":)";
  record += end.error_json;
  record += R"(,"started_at":")";
  record += rfc3339(started_ms);
  record += R"(","finished_at":")";
  record += rfc3339(started_ms + end.figures.duration_ms);
  record += R"(","duration_ms":)";
  record += std::to_string(end.figures.duration_ms);
  record += R"(,"tokens_used":)";
  record += std::to_string(end.figures.tokens);
  record += '}';
  return record;
}

} // namespace ares::store
