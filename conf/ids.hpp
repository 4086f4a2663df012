// Identities: UUIDs of version 7 (RFC 9562, section 5.7), as types that do not mix.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ares {

/// 128 bits in network order. Lexicographic order of the text equals order of the bytes.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  // NOLINTNEXTLINE(modernize-use-nullptr): the literal 0 is of clang's own making.
  friend auto operator<=>(const uuid&, const uuid&) = default;

  /// 36 characters, lower case.
  [[nodiscard]] std::string text() const;
  /// The milliseconds since 1970 in the first 48 bits.
  [[nodiscard]] std::int64_t unix_ms() const noexcept;
  /// Exactly 36 lower-case characters with hyphens in place, else nothing.
  [[nodiscard]] static std::optional<uuid> parse(std::string_view text) noexcept;
};

/// A UUID that names one kind of thing.
template <class Tag> struct id {
  uuid value;

  // NOLINTNEXTLINE(modernize-use-nullptr): the literal 0 is of clang's own making.
  friend auto operator<=>(const id&, const id&) = default;
  [[nodiscard]] std::string text() const { return value.text(); }
  [[nodiscard]] static std::optional<id> parse(std::string_view text) noexcept {
    if (auto u = uuid::parse(text))
      return id{*u};
    return std::nullopt;
  }
};

using tenant_id = id<struct tenant_tag>;
using agent_id = id<struct agent_tag>;
using key_id = id<struct key_tag>;
/// A run, or a chat: whatever has an open entry in the store.
using operation_id = id<struct operation_tag>;
/// One life of one node process.
using incarnation_id = id<struct incarnation_tag>;

/// Makes version-7 UUIDs, strictly increasing within the process: when the clock stands still or
/// steps back, a counter in the sub-millisecond bits goes on. Thread-safe.
class id_generator {
public:
  /// `now_ms` gives store time in milliseconds since 1970 (conf/clock.hpp).
  explicit id_generator(std::function<std::int64_t()> now_ms);

  [[nodiscard]] uuid next();

  template <class Id> [[nodiscard]] Id make() { return Id{next()}; }

private:
  std::function<std::int64_t()> now_ms_;
  std::mutex mutex_;
  std::uint64_t last_ = 0;                  // 48 bits of ms, 12 bits of counter
  std::array<std::uint8_t, 4096> random_{}; // fetched ahead: 8 bytes an id, used from the end
  std::size_t random_left_ = 0;
};

} // namespace ares

template <> struct std::hash<ares::uuid> {
  std::size_t operator()(const ares::uuid& u) const noexcept;
};
template <class Tag> struct std::hash<ares::id<Tag>> {
  std::size_t operator()(const ares::id<Tag>& i) const noexcept {
    return std::hash<ares::uuid>{}(i.value);
  }
};
