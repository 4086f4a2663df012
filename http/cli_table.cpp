#include "http/cli_table.hpp"

#include <algorithm>

namespace ares::http {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t cell_characters_max = 60;

std::size_t width(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](unsigned char c) { return (c & 0xC0) != 0x80; });
}

/// At most so many characters, the last a `…` where there were more.
std::string shortened(const std::string& text) {
  if (width(text) <= cell_characters_max)
    return text;
  std::size_t bytes = 0, characters = 0;
  for (; bytes < text.size(); ++bytes)
    if ((static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80 &&
        characters++ == cell_characters_max - 1)
      break;
  return text.substr(0, bytes) + "…";
}

std::string grouped(std::string digits) {
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3;
       at > static_cast<std::ptrdiff_t>(first); at -= 3)
    digits.insert(at, 1, ',');
  return digits;
}

struct laid_out_column {
  std::vector<std::string> cells; // the title first
  std::size_t wide = 0;
  bool numeric = false; // all that is there are numbers
};

laid_out_column lay_out(const table_column& c, const ordered_json& rows) {
  laid_out_column column;
  column.cells.push_back(c.title);
  std::size_t numbers = 0, missing = 0;
  for (const auto& row : rows) {
    const auto value = row.is_object() && row.contains(c.field) ? row[c.field] : ordered_json();
    numbers += value.is_number() ? 1 : 0;
    missing += value.is_null() ? 1 : 0;
    column.cells.push_back(shortened(cell_of(value)));
  }
  column.numeric = numbers > 0 && numbers + missing == rows.size();
  for (const auto& cell : column.cells)
    column.wide = std::max(column.wide, width(cell));
  return column;
}

} // namespace

std::string cell_of(const ordered_json& value) {
  if (value.is_null())
    return "-";
  if (value.is_number_integer())
    return grouped(value.dump());
  if (value.is_array()) {
    std::string joined;
    for (const auto& item : value)
      joined += (joined.empty() ? "" : ", ") + cell_of(item);
    return joined;
  }
  auto text = value.is_string()
                  ? value.get<std::string>()
                  : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  // What a terminal would obey is not shown as such.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F)
      text[i] = ' ';
    else if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
      text.replace(i, 2, " "); // U+0080 to U+009F
  }
  return text;
}

std::string table_of(const std::vector<table_column>& columns, const ordered_json& rows) {
  if (rows.empty())
    return "(none)\n";
  std::vector<laid_out_column> laid_out;
  laid_out.reserve(columns.size());
  for (const auto& c : columns)
    laid_out.push_back(lay_out(c, rows));
  std::string text;
  for (std::size_t line = 0; line <= rows.size(); ++line) {
    std::string out;
    for (const auto& column : laid_out) {
      const auto& cell = column.cells[line];
      const std::string blanks(column.wide - width(cell), ' ');
      out += column.numeric ? blanks + cell : cell + blanks;
      out.append(gap, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  }
  return text;
}

std::string sheet_of(const ordered_json& object) {
  std::size_t wide = 0;
  for (const auto& [name, value] : object.items())
    wide = std::max(wide, name.size());
  std::string text;
  for (const auto& [name, value] : object.items()) {
    const bool rows = value.is_array() && !value.empty() && value[0].is_object();
    if (rows)
      continue;
    text += name + std::string(wide - name.size() + gap, ' ') + cell_of(value) + "\n";
  }
  return text;
}

} // namespace ares::http
