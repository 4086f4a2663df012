// Reading the query and the JSON body of an administrative request, strictly: the first thing that
// is wrong is the error, and it names the field.
#pragma once

#include "conf/json.hpp"
#include "conf/result.hpp"
#include "store/tenant_records.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ares::http {

/// `%41` and, in a query, `+` read as the characters they stand for; nothing if malformed.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool in_query);

/// The parameters of a query string. Unknown ones are ignored, repeated ones refused.
class query_parameters {
public:
  [[nodiscard]] static result<query_parameters> read(std::string_view query);

  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  /// At least 1; what is above `most` is taken as `most`.
  [[nodiscard]] result<int> count(const std::string& name, int preset, int most) const;
  /// `limit` (1-1000, 100 without) and `after`, an id.
  [[nodiscard]] result<store::page> page() const;

private:
  std::map<std::string, std::string> values_;
};

/// The fields of a body that is a JSON object. Read them one by one, then ask `finish`: after the
/// first wrong one the rest read as absent.
class body_fields {
public:
  explicit body_fields(std::string_view body);

  enum class need { required, optional };

  /// Printable text of 1 to `most` characters, no blank at either end.
  std::string text(const std::string& name, need n, std::size_t most = 100);
  std::optional<std::int64_t> integer(const std::string& name, std::int64_t least,
                                      std::int64_t most);
  std::optional<ordered_json> object(const std::string& name, need n);
  /// `active` (true) or `disabled`.
  std::optional<bool> status();
  /// A number, null for unlimited, or `"tier"`.
  std::optional<store::own_figure> figure(const std::string& name);
  void refuse(const std::string& complaint);

  /// What is wrong, an unknown field included.
  [[nodiscard]] std::optional<error> finish();

private:
  /// Nothing if it is absent or something is wrong already.
  const ordered_json* field(const std::string& name, need n);

  ordered_json object_ = ordered_json::object();
  std::set<std::string> known_;
  std::optional<error> wrong_;
};

} // namespace ares::http
