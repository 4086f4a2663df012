// The admin API as an operator's program calls it: one request after the other, blocking.
#pragma once

#include "conf/json.hpp"

#include <stdexcept>
#include <string>

namespace ares::http {

/// Why a command came to nothing: a sentence, and the program's exit status.
struct operator_failure : std::runtime_error {
  static constexpr int refused = 1, usage = 2, unreachable = 3;

  operator_failure(int status, const std::string& why) : std::runtime_error(why), exit(status) {}
  int exit;
};

/// Every member throws operator_failure: `refused` with the server's own sentence, `unreachable`
/// if there is no sensible answer in time.
class operator_client {
public:
  /// `ca_file`: a PEM file with the authorities to trust behind https://; empty: the system's.
  operator_client(std::string url, std::string admin_secret, std::string ca_file = {});

  /// `path` stands below /api/admin. Null where the answer has no body.
  ordered_json get(const std::string& path) { return call("GET", path, nullptr); }
  ordered_json post(const std::string& path, const ordered_json& body) {
    return call("POST", path, &body);
  }
  ordered_json put(const std::string& path, const ordered_json& body) {
    return call("PUT", path, &body);
  }
  void remove(const std::string& path) { call("DELETE", path, nullptr); }

  /// Up to `most` items of a list, page by page, as `{"NAME": [...]}`.
  ordered_json list(const std::string& path, const std::string& name, std::size_t most);

  /// `/tenants/ID` of a tenant given by name or id.
  std::string tenant_path(const std::string& name_or_id);

private:
  ordered_json call(const char* method, const std::string& path, const ordered_json* body);

  std::string url_;
  std::string secret_;
  std::string ca_file_;
};

/// Everything but letters, digits and `-._~` as `%XX`.
[[nodiscard]] std::string percent_encoded(const std::string& text);

} // namespace ares::http
