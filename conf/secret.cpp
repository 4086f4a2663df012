#include "conf/secret.hpp"

#include "conf/random.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>

namespace ares {
namespace {

constexpr std::string_view prefix_text = "ares_";
constexpr std::string_view alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t random_characters = 26;
constexpr std::size_t checksum_characters = 6; // 62^6 > 2^32
constexpr std::size_t characters_min = random_characters + checksum_characters;
constexpr std::size_t characters_max = 128;

/// CRC-32 as of IEEE 802.3 and zlib: polynomial 0x04c11db7, reflected.
constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit)
      c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    table[i] = c;
  }
  return table;
}();

constexpr std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t c = 0xffffffff;
  for (const char byte : bytes)
    c = crc_table[(c ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ c >> 8;
  return ~c;
}
static_assert(crc32("123456789") == 0xcbf43926); // the check value of the CRC catalogue

std::array<char, checksum_characters> checksum_of(std::string_view text) {
  std::array<char, checksum_characters> out;
  std::uint32_t rest = crc32(text);
  for (std::size_t i = out.size(); i-- > 0; rest /= 62)
    out[i] = alphabet[rest % 62];
  return out;
}

/// Bytes of 248 and more are thrown away: 248 is the largest multiple of 62 in a byte, and what is
/// left falls on each character equally often.
void append_random_characters(std::string& out, std::size_t count) {
  constexpr std::uint8_t fair = 248;
  std::array<std::uint8_t, 64> bytes;
  while (true) {
    fill_random(bytes);
    for (const auto byte : bytes) {
      if (count == 0) {
        OPENSSL_cleanse(bytes.data(), bytes.size());
        return;
      }
      if (byte < fair) {
        out += alphabet[byte % 62];
        --count;
      }
    }
  }
}

} // namespace

std::string secret_hash::hex() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::optional<secret_hash> secret_hash::parse(std::string_view hex) noexcept {
  secret_hash h;
  if (hex.size() != 2 * h.bytes.size())
    return std::nullopt;
  for (std::size_t i = 0; i < h.bytes.size(); ++i) {
    const char* const begin = hex.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, h.bytes[i], 16).ptr != begin + 2)
      return std::nullopt;
  }
  return h;
}

api_key_secret api_key_secret::generate() {
  std::string text{prefix_text};
  text.reserve(prefix_text.size() + characters_min);
  append_random_characters(text, random_characters);
  const auto checksum = checksum_of(text);
  text.append(checksum.data(), checksum.size());
  return api_key_secret{std::move(text)};
}

std::optional<api_key_secret> api_key_secret::parse(std::string_view text) {
  if (!text.starts_with(prefix_text))
    return std::nullopt;
  const auto characters = text.substr(prefix_text.size());
  if (characters.size() < characters_min || characters.size() > characters_max ||
      characters.find_first_not_of(alphabet) != std::string_view::npos)
    return std::nullopt;
  const auto body = text.substr(0, text.size() - checksum_characters);
  const auto checksum = checksum_of(body);
  if (text.substr(body.size()) != std::string_view{checksum.data(), checksum.size()})
    return std::nullopt;
  return api_key_secret{std::string{text}};
}

secret_hash api_key_secret::hash() const {
  return sha256(text_);
}

secret_hash sha256(std::string_view bytes) {
  // Fetched once: OpenSSL 3 otherwise looks the algorithm up, under a lock, at every call.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  secret_hash out;
  if (EVP_Digest(bytes.data(), bytes.size(), out.bytes.data(), nullptr, algorithm, nullptr) != 1)
    std::terminate(); // only without memory; an unfinished hash must never be compared
  return out;
}

bool operator==(const secret_hash& a, const secret_hash& b) noexcept {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace ares

std::size_t std::hash<ares::secret_hash>::operator()(const ares::secret_hash& h) const noexcept {
  std::size_t out = 0; // the first bytes of a SHA-256 are as good a hash as any
  std::memcpy(&out, h.bytes.data(), sizeof out);
  return out;
}
