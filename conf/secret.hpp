// API keys: made, checked, hashed. The text of a secret lives only in `api_key_secret`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ares {

/// SHA-256 of something secret: all the store ever sees of it.
struct secret_hash {
  std::array<std::uint8_t, 32> bytes{};

  /// In constant time.
  friend bool operator==(const secret_hash& a, const secret_hash& b) noexcept;
  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;
  /// What `hex` gave; else nothing.
  [[nodiscard]] static std::optional<secret_hash> parse(std::string_view hex) noexcept;
};

/// `ares_` + 32 characters of [0-9A-Za-z]: 26 random ones from the operating system's CSPRNG and
/// 6 of checksum (CRC-32 of `ares_` and the 26, in base 62, most significant first, zero padded).
/// The checksum refuses a typo without a look-up and lets a scanner recognise a leaked key.
class api_key_secret {
public:
  [[nodiscard]] static api_key_secret generate();
  /// Form and checksum; at least 32 characters behind the prefix, at most 128; no look-up.
  [[nodiscard]] static std::optional<api_key_secret> parse(std::string_view text);

  [[nodiscard]] const std::string& reveal() const noexcept { return text_; }
  /// `ares_` and the next four characters: what a list of keys may show.
  [[nodiscard]] std::string prefix() const { return text_.substr(0, 9); }
  [[nodiscard]] secret_hash hash() const;

private:
  explicit api_key_secret(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// SHA-256 of any bytes (RFC 6234).
[[nodiscard]] secret_hash sha256(std::string_view bytes);
/// In time that depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace ares

template <> struct std::hash<ares::secret_hash> {
  std::size_t operator()(const ares::secret_hash& h) const noexcept;
};
