// The small grammars of RFC 9110, 9112 and 3986 that a request is made of, as pure predicates.
#pragma once

#include <optional>
#include <string_view>

namespace ares::http {

/// tchar (RFC 9110, 5.6.2).
[[nodiscard]] bool is_token_char(char c) noexcept;
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// A field value: visible ASCII, blank, tab and obs-text; no other control character.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

/// Visible ASCII without `"#<>\`, every '%' followed by two hex digits, and none of them `%00`. Of
/// what RFC 3986 has no place for, `^`, `|`, `{`, `}` and the backquote pass: browsers send them
/// so.
[[nodiscard]] bool is_target_text(std::string_view text) noexcept;

/// uri-host [":" port], not empty, without userinfo (RFC 3986, 3.2).
[[nodiscard]] bool is_authority(std::string_view text) noexcept;

/// The part of a chunk line behind the size: *( BWS ";" BWS name [ BWS "=" BWS value ] ).
[[nodiscard]] bool is_chunk_extension(std::string_view text) noexcept;

/// Nothing if it is no hex digit.
[[nodiscard]] std::optional<unsigned> hex_value(char c) noexcept;

[[nodiscard]] std::string_view trim_blanks(std::string_view text) noexcept;

/// Compares ASCII without regard to case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Takes the next element off a comma-separated list; empty elements are passed over. Nothing at
/// its end.
[[nodiscard]] std::optional<std::string_view> next_list_element(std::string_view& list) noexcept;

} // namespace ares::http
