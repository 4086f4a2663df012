// Checks of single texts in the configuration: empty if a text is right, else what is wrong with
// it, reading on from the key's name ("must be ..."). Internal to conf/.
#pragma once

#include <string>

namespace ares::checks {

[[nodiscard]] std::string any(const std::string& text);
/// Not empty, no control characters.
[[nodiscard]] std::string not_empty(const std::string& text);
/// Of a provider, tier, product type or cluster: [A-Za-z0-9][A-Za-z0-9_.-]{0,63}.
[[nodiscard]] std::string name(const std::string& text);
/// Of a model: up to 128 characters, no control characters.
[[nodiscard]] std::string model_name(const std::string& text);
[[nodiscard]] std::string variable_name(const std::string& text);
/// A host name or an address; IPv6 without brackets.
[[nodiscard]] std::string host(const std::string& text);
/// `host:port`; IPv6 in brackets; port 0 is one.
[[nodiscard]] std::string host_port(const std::string& text);
[[nodiscard]] std::string host_optional_port(const std::string& text);
[[nodiscard]] std::string http_url(const std::string& text);
/// `scheme://host[:port]`, as a browser sends it.
[[nodiscard]] std::string origin(const std::string& text);
/// `redis://[user:password@]host[:port][/db]` or `unix:///path[?db=N]`.
[[nodiscard]] std::string store_url(const std::string& text);
/// An IP address, or a network in CIDR notation.
[[nodiscard]] std::string address(const std::string& text);

} // namespace ares::checks
