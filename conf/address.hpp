// IP addresses and networks as text: who is at the other end, and whom the operator believes.
#pragma once

#include <string_view>

namespace ares {

/// Whether `network` is an IPv4 or IPv6 address, or a network in CIDR notation (`10.0.0.0/8`).
[[nodiscard]] bool is_network(std::string_view network);

/// Whether `address` is `network` or lies in it; false if either is none. An IPv4 address is found
/// also as a socket for both families gives it, `::ffff:10.1.2.3`.
[[nodiscard]] bool address_in(std::string_view address, std::string_view network);

} // namespace ares
