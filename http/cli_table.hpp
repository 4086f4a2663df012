// JSON objects as aligned text for people.
#pragma once

#include "conf/json.hpp"

#include <string>
#include <vector>

namespace ares::http {

struct table_column {
  std::string title;
  std::string field; // of each row
};

/// A head and a line for each row; numbers to the right. `(none)` if there are no rows.
[[nodiscard]] std::string table_of(const std::vector<table_column>& columns,
                                   const ordered_json& rows);

/// A line for each field of an object: its name, its value. Lists are left out.
[[nodiscard]] std::string sheet_of(const ordered_json& object);

/// A value as people read it: `1,234`, `-` for null, texts without control characters.
[[nodiscard]] std::string cell_of(const ordered_json& value);

} // namespace ares::http
