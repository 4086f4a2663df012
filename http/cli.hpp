// The operator's commands: `ares tenant`, `agent`, `key`, `usage`, `runs`. A client of the admin
// API.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace ares::http {

class operator_client;

/// What the command line asked for; filled while it is parsed.
struct operator_context {
  std::string url = "http://127.0.0.1:3000";
  bool json = false;
  /// A PEM file with the authorities to trust behind https://. Without it, CURL_CA_BUNDLE or
  /// SSL_CERT_FILE of the environment, as with curl; without those the system's.
  std::string ca_file;
  /// Without it, ARES_ADMIN_SECRET of the environment.
  std::optional<std::string> admin_secret;
  /// Carries the command out and prints its result. Throws operator_failure.
  std::function<void(operator_client&)> command;

  /// 0 done, 1 refused by the server, 2 wrong usage, 3 the server cannot be reached. Anything but
  /// 0 has said why in one line on standard error.
  [[nodiscard]] int run();
};

/// `context` must outlive `app`.
void add_operator_commands(CLI::App& app, operator_context& context);

} // namespace ares::http
