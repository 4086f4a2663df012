#include "conf/secret.hpp"
#include "tests/catch.hpp"

#include <array>
#include <cctype>
#include <set>

using namespace ares;

TEST_CASE("a secret is ares_ and 32 characters of base 62, each time others") {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const auto secret = api_key_secret::generate();
    const auto& text = secret.reveal();
    REQUIRE(text.size() == 37);
    REQUIRE(text.starts_with("ares_"));
    for (const unsigned char c : text.substr(5))
      REQUIRE(std::isalnum(c));
    REQUIRE(secret.prefix() == text.substr(0, 9));
    seen.insert(text);
  }
  CHECK(seen.size() == 1'000);
}

TEST_CASE("every character of base 62 is as frequent as any other") {
  std::array<int, 128> count{};
  constexpr int secrets = 20'000;
  for (int i = 0; i < secrets; ++i)
    for (const char c : api_key_secret::generate().reveal().substr(5, 26))
      ++count[static_cast<unsigned char>(c)];
  constexpr double expected = secrets * 26 / 62.0;
  double chi_squared = 0;
  for (int c = 0; c < 128; ++c)
    if (std::isalnum(c))
      chi_squared += (count[c] - expected) * (count[c] - expected) / expected;
  CHECK(chi_squared < 150); // 61 degrees of freedom: one in a billion; a plain modulo gives 2,800
}

TEST_CASE("the checksum is the CRC-32 of what stands before it, in base 62") {
  // Computed with Python's zlib.crc32 over "ares_" and 26 zeros.
  CHECK(api_key_secret::parse("ares_00000000000000000000000000CHECKS") == std::nullopt);
  CHECK(api_key_secret::parse("ares_0000000000000000000000000043AgHv"));
}

TEST_CASE("a secret that was made is accepted, also a longer one") {
  const auto secret = api_key_secret::generate();
  const auto parsed = api_key_secret::parse(secret.reveal());
  REQUIRE(parsed);
  CHECK(parsed->reveal() == secret.reveal());
  CHECK(api_key_secret::parse("ares_abcDEF1234abcDEF1234abcDEF1234abcDEF1234abcDEF12344EVyX7"));
}

TEST_CASE("every typo of one character is refused") {
  const auto text = api_key_secret::generate().reveal();
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char c : std::string("0aZ_ \n")) {
      auto typo = text;
      typo[i] = c;
      REQUIRE((typo == text || !api_key_secret::parse(typo)));
    }
}

TEST_CASE("two swapped neighbours are refused") {
  const auto text = api_key_secret::generate().reveal();
  for (std::size_t i = 5; i + 1 < text.size(); ++i) {
    auto typo = text;
    std::swap(typo[i], typo[i + 1]);
    REQUIRE((typo == text || !api_key_secret::parse(typo)));
  }
}

TEST_CASE("what does not have the form of a secret is refused") {
  const auto text = api_key_secret::generate().reveal();
  CHECK_FALSE(api_key_secret::parse(""));
  CHECK_FALSE(api_key_secret::parse("ares_"));
  CHECK_FALSE(api_key_secret::parse("ares_x7k9m2p4q8r1s5t3"));
  CHECK_FALSE(api_key_secret::parse(text.substr(0, 36)));
  CHECK_FALSE(api_key_secret::parse(text + " "));
  CHECK_FALSE(api_key_secret::parse("ARES_" + text.substr(5)));
  CHECK_FALSE(api_key_secret::parse("ares_" + std::string(100'000, 'a')));
  CHECK_FALSE(api_key_secret::parse(text.substr(0, 20) + std::string(1, '\0') + text.substr(21)));
}

TEST_CASE("the hash is SHA-256 as of RFC 6234") {
  CHECK(sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto secret = api_key_secret::generate();
  CHECK(secret.hash() == sha256(secret.reveal()));
}

TEST_CASE("constant-time comparison compares") {
  CHECK(equal_constant_time("", ""));
  CHECK(equal_constant_time("secret", "secret"));
  CHECK_FALSE(equal_constant_time("secret", "secres"));
  CHECK_FALSE(equal_constant_time("secret", "secrets"));
}

TEST_CASE("a hash is read from what it was written as, and from nothing else") {
  const auto hash = sha256("something");
  CHECK(secret_hash::parse(hash.hex()) == hash);
  CHECK_FALSE(secret_hash::parse(hash.hex() + "0"));
  CHECK_FALSE(secret_hash::parse(hash.hex().substr(1)));
  auto wrong = hash.hex();
  wrong[7] = 'g';
  CHECK_FALSE(secret_hash::parse(wrong));
}
