#include "conf/json.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::string_literals;

namespace {

bool accepts(std::string_view text) {
  return bool(check_json(text));
}

std::string complaint(std::string_view text) {
  const auto checked = check_json(text);
  const std::string start = "The body is not valid JSON: ";
  REQUIRE_FALSE(checked);
  REQUIRE(checked.failure().code == errc::invalid_json);
  REQUIRE(checked.failure().message.starts_with(start));
  return checked.failure().message.substr(start.size());
}

std::string nested(int depth, const std::string& core = "") {
  return std::string(depth, '[') + core + std::string(depth, ']');
}

} // namespace

TEST_CASE("every kind of JSON value is accepted at the root") {
  for (const auto* text :
       {"{}", "[]", "null", "true", "false", "0", "-0", "1.5e-3", "1E+2", R"("")",
        " \t\r\n[ 1 , { \"a\" : [ ] } ]\n", R"("\u0000\/\ud83d\ude00")"})
    CHECK(accepts(text));
}

TEST_CASE("what is not JSON is refused with the position") {
  CHECK(complaint("") == "unexpected end at byte 0");
  CHECK(complaint("  ") == "unexpected end at byte 2");
  CHECK(complaint("{\"a\":1,}") == "unexpected character at byte 7");
  CHECK(complaint("[1,]") == "unexpected character at byte 3");
  CHECK(complaint("[1 2]") == "unexpected character at byte 3");
  CHECK(complaint("[1}") == "unexpected character at byte 2");
  CHECK(complaint("{\"a\" 1}") == "unexpected character at byte 5");
  CHECK(complaint("{a:1}") == "unexpected character at byte 1");
  CHECK(complaint("[\"a\"") == "unexpected end at byte 4");
  CHECK(complaint("\"a") == "unexpected end at byte 2");
  CHECK(complaint("tru") == "unexpected end at byte 3");
  CHECK(complaint("{} {}") == "unexpected character at byte 3");
  CHECK(complaint("{}\0"s) == "unexpected character at byte 2");
  CHECK(complaint("\xef\xbb\xbf{}") == "byte order mark at byte 0");
}

// The next four tests cover the classes of mistakes in public collections of JSON.
TEST_CASE("what other notations allow is no JSON") {
  for (const auto& text : {"{'a':1}"s,
                           "{a:1}"s,
                           "[1,]"s,
                           "{\"a\":1,}"s,
                           "/**/1"s,
                           "1//"s,
                           "[1]#"s,
                           "[1]/*x*/"s,
                           "True"s,
                           "nil"s,
                           "undefined"s,
                           "a\u00e5"s,
                           "<1>"s,
                           "[\f]"s,
                           "[\v]"s,
                           "\xc2\xa0[]"s,
                           "\xe2\x81\xa0[]"s,
                           "\\u000a"s,
                           "[\\n]"s,
                           "*"s,
                           "{\"a\":b}"s,
                           "'a'"s,
                           "\x80"s,
                           "\xef\xbb\xbf"s,
                           "\xef\xbb"s,
                           "\xfe\xff\0[\0]"s,
                           "[\0]\0"s,
                           "\0"s})
    CHECK_FALSE(accepts(text));
}

TEST_CASE("arrays and objects are complete, with one comma or colon where one belongs") {
  for (const auto* text : {"[",
                           "]",
                           "[[]",
                           "[]]",
                           "[1",
                           "[1,",
                           "[,1]",
                           "[1,,2]",
                           "[1:2]",
                           "[\"a\",\n4\n,1,",
                           "[][]",
                           "[}",
                           "{",
                           "}",
                           "{]",
                           "{}}",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,",
                           "{\"a\"::1}",
                           "{\"a\",1}",
                           "{:1}",
                           "{1:1}",
                           "{null:1}",
                           "{[]:1}",
                           "{,}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":1,,\"b\":2}",
                           "{\"a\":1}#",
                           "{\"a\":1}{}",
                           "1 2",
                           "\"a\"\"b\"",
                           "[1]x",
                           ",",
                           ":",
                           "\""})
    CHECK_FALSE(accepts(text));
}

TEST_CASE("numbers follow the grammar") {
  for (const auto* text :
       {"01",  "-",        "+1",        ".5",   "1.",    "1e",    "1e+",   "0x1",
        "NaN", "Infinity", "-Infinity", "1.e1", "--1",   "++1",   "-01",   "-.5",
        "-1.", "0e",       "0.e1",      "1eE2", "1.0e-", "1_000", "1 000", "1,000",
        "1+2", "1e1.5",    "Inf",       "-NaN", "0b1",   "1f",    "- 1",   "\xef\xbc\x91"})
    CHECK_FALSE(accepts(text));
  for (const auto* text : {"-0", "-0.0", "0e+1", "20e1", "1E22", "1e-2", "-123", "123.456789"})
    CHECK(accepts(text));
}

TEST_CASE("every character that may stand in a string may, escaped or not") {
  for (const auto& text :
       {"\"\x7f\""s, "\"\xe2\x80\xa8\xe2\x80\xa9\""s, "\"\xef\xbf\xbf\""s, "\"\xf4\x8f\xbf\xbf\""s,
        R"("\uFFFF\udbff\udfff\u0000")"s, R"("\"\\\/\b\f\n\r\t")"s, R"("\u00e9\u0012")"s,
        R"({"":0})"s, R"({"\u0000":0,"a b":1})"s})
    CHECK(accepts(text));
}

TEST_CASE("numbers outside a double's range are refused, tiny ones are zeros") {
  CHECK(accepts("1.7976931348623157e308"));
  CHECK(accepts("-1e308"));
  CHECK(accepts(std::string(309, '1')));
  CHECK(accepts("1" + std::string(400, '0') + "e-300"));
  CHECK(accepts("0." + std::string(400, '0') + "1"));
  CHECK(accepts("0." + std::string(400, '0') + "1e400"));
  CHECK(accepts("1e-400"));
  CHECK(accepts("123.456e-789"));
  CHECK(accepts("1e-99999999999999999999999"));
  CHECK(accepts("0e99999999999999999999999"));
  CHECK(accepts("0.0000e+999999"));
  for (const auto& text :
       {"1e309"s, "-1e400"s, "1.8e308"s, "0.001e400"s, "2"s + std::string(310, '0'),
        "1e99999999999999999999999"s, "0." + std::string(10, '0') + "1e500"})
    CHECK(complaint(text).starts_with("number out of range"));
  CHECK(complaint("[-1e400]") == "number out of range at byte 2");
}

TEST_CASE("strings are valid UTF-8 without control characters and lone surrogates") {
  CHECK(accepts("\"gr\u00fc\u00df \U0001F600 \u007f\""));
  CHECK(complaint("\"a\nb\"") == "control character at byte 2");
  CHECK(complaint("\"0123456789\x1f\"") == "control character at byte 11");
  CHECK(complaint("\"\0\""s) == "control character at byte 1");
  for (const auto* bad :
       {"\"\x80\"", "\"\xc0\xaf\"", "\"\xc1\xbf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"",
        "\"\xf0\x80\x80\xaf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xff\"",
        "\"\xc3\"", "\"\xe2\x82\"", "\"\xc3", "\"\xf0\x9f\x98\""})
    CHECK(complaint(bad) == "invalid UTF-8 at byte 1");
  for (const auto* lone : {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800x12345")",
                           R"("\ud800\n12345")", R"("\udfff\ud800")", R"("\ud800\u0041")"})
    CHECK(complaint(lone) == "lone surrogate at byte 1");
  for (const auto* bad : {R"("\x")", R"("\u12")", R"("\u12g4")", R"("\U0041")", R"("\u")"})
    CHECK(complaint(bad) == "invalid escape at byte 1");
  CHECK(complaint("\"\\") == "unexpected end at byte 2");
}

TEST_CASE("the eight-byte steps over plain text miss nothing at any offset") {
  for (const char odd : {'\x01', '\x1f', '\x80', '\xff', '\n'})
    for (int before = 0; before < 20; ++before) {
      const auto text = '"' + std::string(before, 'x') + odd + std::string(20, 'y') + '"';
      const auto said = complaint(text);
      CHECK(said.ends_with(" at byte " + std::to_string(before + 1)));
    }
}

TEST_CASE("nesting is accepted to the limit and refused behind it") {
  CHECK(accepts(nested(64)));
  CHECK(complaint(nested(65)) == "nesting deeper than 64 at byte 64");
  CHECK(accepts(nested(63, "{}")));
  CHECK_FALSE(accepts(nested(64, "{}")));
  CHECK(accepts(nested(64, "1")));
  CHECK(check_json(nested(3), {.depth_max = 3}));
  CHECK_FALSE(check_json(nested(4), {.depth_max = 3}));
}

TEST_CASE("a hundred thousand brackets are refused at the limit, closed or not") {
  CHECK(complaint(std::string(100'000, '[')) == "nesting deeper than 64 at byte 64");
  CHECK(complaint(nested(100'000)) == "nesting deeper than 64 at byte 64");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  CHECK(complaint(objects) == "nesting deeper than 64 at byte 320");
}

TEST_CASE("a duplicate key is refused at the second one") {
  CHECK(complaint(R"({"a":1,"a":2})") == R"(duplicate key "a" at byte 7)");
  CHECK(complaint(R"([{"b":{"x":1,"a":{"a":1},"x":3}}])") == R"(duplicate key "x" at byte 25)");
  CHECK(complaint(R"({"":1,"":2})") == R"(duplicate key "" at byte 6)");
}

TEST_CASE("a key that is spelled with other escapes is the same key") {
  CHECK(complaint(R"({"a":1,"\u0061":2})") == R"(duplicate key "a" at byte 7)");
  CHECK_FALSE(accepts(R"({"\/":1,"/":2})"));
  CHECK_FALSE(accepts(R"({"\n":1,"\u000A":2})"));
  CHECK_FALSE(accepts("{\"\\ud83d\\ude00\":1,\"\U0001F600\":2}"));
  CHECK(accepts(R"({"\\u0061":1,"a":2})"));
}

TEST_CASE("the same key in different objects is no duplicate") {
  CHECK(accepts(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"));
  CHECK(accepts(R"({"a":1,"A":2,"a ":3,"\u0000":4,"":5})"));
}

TEST_CASE("the complaint about a key is short and printable") {
  const auto key = std::string(500, 'k');
  const auto said = complaint("{\"" + key + "\":1,\"" + key + "\":2}");
  CHECK(said == "duplicate key \"" + std::string(40, 'k') + "\"... at byte 506");
  CHECK(complaint("{\"\\u0007\\u009b\":1,\"\\u0007\\u009b\":2}") ==
        "duplicate key \"\\u0007\\u009b\" at byte 18");
}

TEST_CASE("a duplicate among a hundred thousand keys is found") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i)
    text += "\"key-" + std::to_string(i) + "\":0,";
  CHECK(accepts(text + "\"last\":0}"));
  CHECK(complaint(text + "\"key-777\":0}") ==
        "duplicate key \"key-777\" at byte " + std::to_string(text.size()));
  CHECK(complaint(text + "\"key-5\":0,\"key-4\":0}") ==
        "duplicate key \"key-5\" at byte " + std::to_string(text.size()));
}

TEST_CASE("an object with keys before and behind a nested one compares them all") {
  std::string text = "{\"first\":0,\"nested\":{";
  for (int i = 0; i < 100; ++i)
    text += "\"n" + std::to_string(i) + "\":0,";
  CHECK(accepts(text + "\"first\":0},\"second\":0}"));
  CHECK_FALSE(accepts(text + "\"first\":0},\"first\":0}"));
}
