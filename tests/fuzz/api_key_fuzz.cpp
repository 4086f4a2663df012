// API keys: no text that is none is taken for one, every single change of a key is noticed.
#include "conf/secret.hpp"
#include "tests/fuzz/fuzzing.hpp"

#include <string>

using namespace ares;
using fuzz::require;

namespace {

constexpr std::string_view alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool is_alphanumeric(std::string_view text) {
  return text.find_first_not_of(alphabet) == text.npos;
}

/// The checksum that conf/secret.hpp describes, bit by bit.
std::string checksum(std::string_view text) {
  std::uint32_t crc = 0xffffffff;
  for (const unsigned char c : text) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  crc = ~crc;
  std::string out(6, '0');
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit, crc /= 62)
    *digit = alphabet[crc % 62];
  return out;
}

void check_any_text(std::string_view text) {
  const auto key = api_key_secret::parse(text);
  if (!key)
    return;
  require(text.starts_with("ares_") && text.size() >= 37 && is_alphanumeric(text.substr(5)));
  require(key->reveal() == text && key->prefix() == text.substr(0, 9));
  require(key->hash() == sha256(text));
  require(text.substr(text.size() - 6) == checksum(text.substr(0, text.size() - 6)));
}

/// A key made of the input is accepted, and refused with one character changed.
void check_made_key(std::string_view input) {
  const std::size_t place = fuzz::take_choice(input);
  const std::size_t change = fuzz::take_choice(input);
  std::string key = "ares_";
  for (const unsigned char c : input.substr(0, 80))
    key += alphabet[c % alphabet.size()];
  key.resize(std::max<std::size_t>(key.size(), 31), 'x');
  key += checksum(key);
  require(api_key_secret::parse(key).has_value());
  char& changed = key[place % key.size()];
  const char other = change % 2 == 0 ? alphabet[change % 62] : static_cast<char>(change);
  if (other == changed)
    return;
  changed = other;
  require(!api_key_secret::parse(key));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  check_any_text(input);
  check_made_key(input);
  const auto half = input.substr(0, size / 2);
  require(equal_constant_time(input, input) && equal_constant_time(input, half) == (input == half));
  return 0;
}
