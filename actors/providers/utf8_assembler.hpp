// UTF-8 that arrives in pieces, cut anywhere and not always valid (Unicode 15, section 3.9).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ares {

/// What stands at the beginning of a text that is not empty.
struct utf8_sequence {
  enum class kind { valid, incomplete, invalid };
  kind what;
  std::size_t length; // of the character, or of the bytes that one U+FFFD replaces
};
[[nodiscard]] utf8_sequence first_utf8_sequence(std::string_view text) noexcept;

/// Gives out whole characters only: a character cut between two pieces is held back until its rest
/// comes. What cannot become valid is replaced by U+FFFD.
class utf8_assembler {
public:
  /// The characters that are complete with `piece`.
  [[nodiscard]] std::string push(std::string_view piece);
  /// What was held back at the end, as U+FFFD.
  [[nodiscard]] std::string finish();

private:
  std::string held_; // at most 3 bytes between calls
};

/// The whole text at once.
[[nodiscard]] std::string repaired_utf8(std::string_view text);

} // namespace ares
