// The strict scanner behind check_json: one pass, an explicit stack, nothing built.
#include "conf/json.hpp"
#include "conf/json_text.hpp"
#include "conf/random.hpp"
#include "conf/utf8.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>
#include <system_error>
#include <vector>

namespace ares {
namespace {

using namespace json_text;

/// Keyed with randomness of this process, so that nobody can send keys made to collide.
class key_hash {
public:
  key_hash() noexcept {
    std::uint8_t bytes[sizeof seed_];
    fill_random(bytes);
    std::memcpy(seed_, bytes, sizeof seed_);
  }

  [[nodiscard]] std::uint64_t operator()(std::string_view text) const noexcept {
    std::uint64_t hash = seed_[0] ^ text.size();
    while (text.size() >= 8) {
      hash = mix(hash ^ load(text, 8));
      text.remove_prefix(8);
    }
    return mix(hash ^ load(text, text.size()));
  }

private:
  static std::uint64_t load(std::string_view text, std::size_t size) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), size);
    return word;
  }
  [[nodiscard]] std::uint64_t mix(std::uint64_t v) const noexcept {
    const auto product = static_cast<unsigned __int128>(v ^ seed_[1]) * (seed_[2] | 1);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t seed_[3];
};

struct key_seen {
  std::uint64_t hash;
  std::string_view raw; // between the quotes, in the text itself

  [[nodiscard]] bool same_key(const key_seen& other) const {
    return hash == other.hash && (raw == other.raw || unescape(raw) == unescape(other.raw));
  }
};

/// The first key that one before it equals, or null. Linear in the number of keys.
const key_seen* find_duplicate(std::span<const key_seen> keys) {
  constexpr std::size_t few = 12; // up to it, comparing all pairs is the cheapest
  if (keys.size() <= few) {
    for (std::size_t i = 1; i < keys.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (keys[i].same_key(keys[j]))
          return &keys[i];
    return nullptr;
  }
  const auto mask = std::bit_ceil(2 * keys.size()) - 1;
  std::vector<const key_seen*> slots(mask + 1); // an open hash table, at most half full
  for (const auto& key : keys) {
    auto slot = key.hash & mask;
    for (; slots[slot] != nullptr; slot = (slot + 1) & mask)
      if (key.same_key(*slots[slot]))
        return &key;
    slots[slot] = &key;
  }
  return nullptr;
}

class checker {
public:
  checker(std::string_view text, json_limits limits)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), limits_(limits) {
    open_.reserve(8); // enough for most requests, so that each costs two allocations
    keys_.reserve(16);
  }

  result<std::monostate> run() {
    if (document())
      return std::monostate{};
    return error{errc::invalid_json, "The body is not valid JSON: " + what_ + " at byte " +
                                         std::to_string(wrong_ - begin_)};
  }

private:
  struct frame {
    bool object;
    std::size_t first_key; // in keys_
  };

  // Every member below returns false once something is wrong, after `fail`.

  bool document();
  bool value();
  bool open(bool object);
  bool close();
  bool after_value();
  bool member_name();
  bool string();
  bool escape();
  bool number();
  bool in_range(const char* start, const char* fraction, const char* exponent);
  bool literal(std::string_view word);
  bool digits();

  bool fail(std::string what, const char* where) {
    what_ = std::move(what);
    wrong_ = where;
    return false;
  }
  bool unexpected() {
    return at_ == end_ ? fail("unexpected end", at_) : fail("unexpected character", at_);
  }
  void skip_space() {
    while (at_ != end_ && is_space(*at_))
      ++at_;
  }
  [[nodiscard]] bool next_is(char c) const { return at_ != end_ && *at_ == c; }

  const char* begin_;
  const char* at_;
  const char* end_;
  json_limits limits_;
  std::vector<frame> open_;    // the arrays and objects round `at_`
  std::vector<key_seen> keys_; // of all open objects, the innermost last
  bool escaped_ = false;       // whether the last string had a backslash
  std::string what_;
  const char* wrong_ = nullptr;
};

bool checker::document() {
  if (std::string_view{at_, static_cast<std::size_t>(end_ - at_)}.starts_with("\xef\xbb\xbf"))
    return fail("byte order mark", at_);
  skip_space();
  if (!value())
    return false;
  while (!open_.empty())
    if (!after_value())
      return false;
  skip_space();
  return at_ == end_ || unexpected();
}

/// A scalar, or the opening of an array or object down to its first scalar.
bool checker::value() {
  while (true) {
    skip_space();
    if (at_ == end_)
      return unexpected();
    switch (*at_) {
    case '{':
      if (!open(true))
        return false;
      if (next_is('}'))
        return close();
      if (!member_name())
        return false;
      break;
    case '[':
      if (!open(false))
        return false;
      if (next_is(']'))
        return close();
      break;
    case '"': return string();
    case 't': return literal("true");
    case 'f': return literal("false");
    case 'n': return literal("null");
    default: return number();
    }
  }
}

/// Behind a value inside an array or object: its end, or a comma and the next value.
bool checker::after_value() {
  skip_space();
  if (at_ == end_)
    return unexpected();
  const bool object = open_.back().object;
  if (*at_ == (object ? '}' : ']'))
    return close();
  if (*at_ != ',')
    return unexpected();
  ++at_;
  if (object) {
    skip_space();
    return member_name() && value();
  }
  return value();
}

bool checker::open(bool object) {
  if (open_.size() == limits_.depth_max)
    return fail("nesting deeper than " + std::to_string(limits_.depth_max), at_);
  open_.push_back({object, keys_.size()});
  ++at_;
  skip_space();
  return true;
}

bool checker::close() {
  const auto first = open_.back().first_key;
  if (const auto* twice = find_duplicate(std::span<const key_seen>{keys_}.subspan(first))) {
    constexpr std::size_t excerpt_bytes_max = 40;
    const auto key = unescape(twice->raw);
    const json excerpt = key.substr(0, excerpt_bytes_max);
    return fail("duplicate key " + excerpt.dump(-1, ' ', true, json::error_handler_t::replace) +
                    (key.size() > excerpt_bytes_max ? "..." : ""),
                twice->raw.data() - 1);
  }
  keys_.resize(first);
  open_.pop_back();
  ++at_;
  return true;
}

bool checker::member_name() {
  static const key_hash hash;
  if (!next_is('"'))
    return unexpected();
  const char* const start = at_ + 1;
  if (!string())
    return false;
  const std::string_view raw{start, static_cast<std::size_t>(at_ - 1 - start)};
  keys_.push_back({escaped_ ? hash(unescape(raw)) : hash(raw), raw});
  skip_space();
  if (!next_is(':'))
    return unexpected();
  ++at_;
  return true;
}

bool checker::string() {
  escaped_ = false;
  ++at_;
  while (true) {
    at_ = skip_plain(at_, end_);
    if (at_ == end_)
      return unexpected();
    if (*at_ == '"') {
      ++at_;
      return true;
    }
    if (*at_ == '\\') {
      escaped_ = true;
      if (!escape())
        return false;
      continue;
    }
    if (static_cast<unsigned char>(*at_) < 0x20)
      return fail("control character", at_);
    const auto length = utf8_length({at_, static_cast<std::size_t>(end_ - at_)});
    if (length == 0)
      return fail("invalid UTF-8", at_);
    at_ += length;
  }
}

bool checker::escape() {
  constexpr std::string_view simple = "\"\\/bfnrt";
  const char* const start = at_++;
  if (at_ == end_)
    return unexpected();
  if (*at_ != 'u') {
    if (simple.find(*at_) == simple.npos)
      return fail("invalid escape", start);
    ++at_;
    return true;
  }
  const int unit = four_hex(++at_, end_);
  if (unit < 0)
    return fail("invalid escape", start);
  at_ += 4;
  if (unit < 0xd800 || unit > 0xdfff)
    return true;
  if (unit > 0xdbff || end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u')
    return fail("lone surrogate", start);
  const int low = four_hex(at_ + 2, end_);
  if (low < 0xdc00 || low > 0xdfff)
    return fail("lone surrogate", start);
  at_ += 6;
  return true;
}

bool checker::digits() {
  if (at_ == end_ || !is_digit(*at_))
    return unexpected();
  while (at_ != end_ && is_digit(*at_))
    ++at_;
  return true;
}

bool checker::number() {
  if (next_is('-'))
    ++at_;
  const char* const start = at_;
  if (next_is('0'))
    ++at_;
  else if (!digits())
    return false;
  const char* const fraction = at_;
  if (next_is('.')) {
    ++at_;
    if (!digits())
      return false;
  }
  const char* const exponent = at_;
  if (next_is('e') || next_is('E')) {
    ++at_;
    if (next_is('+') || next_is('-'))
      ++at_;
    if (!digits())
      return false;
  }
  return in_range(start, fraction, exponent) || fail("number out of range", start);
}

/// Whether a number without sign, whose parts begin at these positions and end at `at_`, fits a
/// double. One too small for it is a zero and fits.
bool checker::in_range(const char* start, const char* fraction, const char* exponent) {
  constexpr std::ptrdiff_t digits_safe = 300; // below 10^308
  if (exponent == at_ && fraction - start < digits_safe)
    return true;
  double value = 0;
  if (std::from_chars(start, at_, value).ec != std::errc::result_out_of_range)
    return true;
  // Too large, or too close to zero? The first digit that is not zero decides, with the exponent.
  const char* const first = std::find_if(start, exponent, [](char c) { return c > '0'; });
  const std::ptrdiff_t magnitude =
      first < fraction ? fraction - first : fraction + 1 - first; // of 0.ddd * 10^magnitude
  long power = 0;
  if (exponent != at_) {
    const char* const from = exponent + (exponent[1] == '+' ? 2 : 1);
    if (std::from_chars(from, at_, power).ec == std::errc::result_out_of_range)
      return *from == '-';
  }
  return magnitude + power < 0;
}

bool checker::literal(std::string_view word) {
  for (const char c : word) {
    if (!next_is(c))
      return unexpected();
    ++at_;
  }
  return true;
}

} // namespace

result<std::monostate> check_json(std::string_view text, json_limits limits) {
  return checker{text, limits}.run();
}

} // namespace ares
