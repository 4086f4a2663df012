#include "conf/json.hpp"
#include "conf/utf8.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::string_literals;

TEST_CASE("parsed JSON is the value that was sent") {
  const auto value = parse_json(R"({"a": [1, -2.5, "\u00fc", null, true]})");
  REQUIRE(value);
  CHECK((*value)["a"].size() == 5);
  CHECK((*value)["a"][2] == "\u00fc");
}

TEST_CASE("an array that holds one array stays two") {
  const auto value = parse_json("[[1]]");
  REQUIRE(value);
  CHECK(value->is_array());
  CHECK((*value)[0].is_array());
}

TEST_CASE("what the check refuses is not parsed") {
  const auto value = parse_json(R"({"a":1,"a":2})");
  REQUIRE_FALSE(value);
  CHECK(value.failure().code == errc::invalid_json);
}

TEST_CASE("minified JSON has no white space between tokens and keeps every digit") {
  CHECK(minify_json(" { \"a b\" : [ 1.00 , 2e5 ,\n\t\"x \\\" y\" ] } ") ==
        R"({"a b":[1.00,2e5,"x \" y"]})");
  CHECK(minify_json("12345678901234567890.10") == "12345678901234567890.10");
  CHECK(minify_json("\"\\\\\" ") == "\"\\\\\"");
}

TEST_CASE("a member's bytes are found in an object") {
  const std::string text = R"( { "x" : "}\"{" , "n": {"input": 1, "l": [1, "]"]} ,"input":
      {"message": "hi"} , "last":-1.50})";
  CHECK(json_member(text, "input") == R"({"message": "hi"})");
  CHECK(json_member(text, "x") == R"("}\"{")");
  CHECK(json_member(text, "n") == R"({"input": 1, "l": [1, "]"]})");
  CHECK(json_member(text, "last") == "-1.50");
  CHECK(json_member(text, "message").empty());
}

TEST_CASE("a member is found by its key however that is escaped") {
  CHECK(json_member(R"({"\u0069nput":true})", "input") == "true");
  CHECK(json_member(R"({"a\\":1,"b":2})", "b") == "2");
}

TEST_CASE("what is no object has no members") {
  CHECK(json_member("[1]", "a").empty());
  CHECK(json_member("{}", "a").empty());
  CHECK(json_member("", "a").empty());
}

TEST_CASE("text that is no JSON after all is never read beyond its end") {
  for (const auto* text : {"{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\",
                           "{\"a\":[", "{\"a\":1", "{\"a\":1,", "{\"b\":1,\"a", "{\"\\u00"}) {
    const std::string copy = text; // on the heap, so that a sanitizer sees a step too far
    (void)json_member(copy, "a");
    (void)minify_json(copy);
  }
}

TEST_CASE("quoting escapes what must be and repairs what is no UTF-8") {
  CHECK(quote_json("plain") == R"("plain")");
  CHECK(quote_json("a\"b\\c\b\f\n\r\t\x01\x1f") == R"("a\"b\\c\b\f\n\r\t\u0001\u001f")");
  CHECK(quote_json("\0"s) == R"("\u0000")");
  CHECK(quote_json("\u00fc\U0001F600") == "\"\u00fc\U0001F600\"");
  CHECK(quote_json("a\xff"
                   "b\xc3") == "\"a\ufffdb\ufffd\"");
  CHECK(quote_json("\x7f") == "\"\x7f\"");
}

TEST_CASE("what was quoted is a JSON string again") {
  std::string all;
  for (int i = 0; i < 128; ++i)
    all += static_cast<char>(i);
  all += "\u00e9\u20ac\U00010348";
  const auto value = parse_json(quote_json(all));
  REQUIRE(value);
  CHECK(*value == all);
}

TEST_CASE("dumping never throws and is one line") {
  CHECK(dump_json({{"a", "\xff\n"}}) == "{\"a\":\"\ufffd\\n\"}");
}

TEST_CASE("UTF-8 characters have the length that RFC 3629 gives them") {
  CHECK(utf8_length("a") == 1);
  CHECK(utf8_length("\u00fcx") == 2);
  CHECK(utf8_length("\u20ac") == 3);
  CHECK(utf8_length("\U0010ffff") == 4);
  CHECK(utf8_length("\x80") == 0);
  CHECK(utf8_length("") == 0);
  CHECK(valid_utf8("gr\u00fcn"));
  CHECK_FALSE(valid_utf8("gr\xfcn"));
}
