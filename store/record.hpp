// The run object: the JSON that is stored and that a client gets, byte for byte the same.
#pragma once

#include "conf/ids.hpp"
#include "store/operations.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ares::store {

/// `{"id":...,"status":"running","input":{...},` : what `admit` completes with the store's time.
/// `input` is minified JSON, as the client sent it.
[[nodiscard]] std::string record_head(const operation_id& id, std::string_view agent,
                                      std::string_view input);

/// The record that `admit` writes.
[[nodiscard]] std::string running_record(const std::string& head, std::int64_t started_ms);
/// A running record with what is known of its tokens by now; other texts come back unchanged.
[[nodiscard]] std::string with_tokens(std::string record, std::int64_t tokens);
/// Whether a record's run has not ended.
[[nodiscard]] bool is_running(std::string_view record) noexcept;
[[nodiscard]] bool is_cancelled(std::string_view record) noexcept;

/// The start that all ids made in this millisecond share: ids made before it sort below.
[[nodiscard]] std::string id_start(std::int64_t unix_ms);

struct run_end {
  finish_figures figures;
  std::string output_json = "null";
  std::string error_json = "null";
};
/// The record of an ended run, from the head of its running one.
[[nodiscard]] std::string ended_record(const std::string& head, std::int64_t started_ms,
                                       const run_end& end);

} // namespace ares::store
