#include "conf/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace ares {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int ipv4_offset_bits = 96;

/// Every address as IPv6; an IPv4 one as ::ffff:a.b.c.d.
using bytes = std::array<std::uint8_t, 16>;

struct network_bits {
  bytes base;
  int bits; // that count
};

std::optional<network_bits> parse_address(std::string_view text) {
  if (text.find('\0') != text.npos)
    return std::nullopt;
  const std::string terminated{text};
  network_bits out{{}, 128};
  if (inet_pton(AF_INET6, terminated.c_str(), out.base.data()) == 1)
    return out;
  std::copy(ipv4_mapped.begin(), ipv4_mapped.end(), out.base.begin());
  if (inet_pton(AF_INET, terminated.c_str(), out.base.data() + ipv4_mapped.size()) == 1)
    return out;
  return std::nullopt;
}

std::optional<network_bits> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  auto out = parse_address(text.substr(0, slash));
  if (!out || slash == text.npos)
    return out;
  const auto digits = text.substr(slash + 1);
  const int offset = text.find(':') == text.npos ? ipv4_offset_bits : 0;
  unsigned bits = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (ec != std::errc{} || end != digits.data() + digits.size() ||
      bits > static_cast<unsigned>(128 - offset))
    return std::nullopt;
  out->bits = offset + static_cast<int>(bits);
  return out;
}

} // namespace

bool is_network(std::string_view network) {
  return parse_network(network).has_value();
}

bool address_in(std::string_view address, std::string_view network) {
  const auto one = parse_address(address);
  const auto all = parse_network(network);
  if (!one || !all)
    return false;
  for (int bit = 0; bit < all->bits; ++bit) {
    const auto mask = 0x80 >> bit % 8;
    if ((one->base[bit / 8] ^ all->base[bit / 8]) & mask)
      return false;
  }
  return true;
}

} // namespace ares
