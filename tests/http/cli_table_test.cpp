#include "http/cli_client.hpp"
#include "http/cli_table.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::http;

TEST_CASE("a table aligns texts to the left and numbers to the right") {
  const ordered_json rows{{{"name", "é"}, {"runs", 1234567}, {"at", nullptr}},
                          {{"name", "longer"}, {"runs", 5}, {"at", "2026"}}};
  CHECK(table_of({{"NAME", "name"}, {"RUNS", "runs"}, {"AT", "at"}, {"X", "missing"}}, rows) ==
        "NAME         RUNS  AT    X\n"
        "é       1,234,567  -     -\n"
        "longer          5  2026  -\n");
  CHECK(table_of({{"NAME", "name"}}, ordered_json::array()) == "(none)\n");
}

TEST_CASE("nothing that a terminal would obey gets into a cell") {
  CHECK(cell_of("a\x1b[31m\nb") == "a [31m b");
  CHECK(cell_of("a\xC2\x9B"
                "b\xC2\xA7") == "a b\xC2\xA7");
  CHECK(cell_of(-1234) == "-1,234");
  CHECK(cell_of(-123) == "-123");
  CHECK(cell_of({"a", "b"}) == "a, b");
}

TEST_CASE("a sheet has a line a field") {
  CHECK(sheet_of({{"id", "x"}, {"quota_runs", nullptr}, {"rows", {{{"a", 1}}}}}) ==
        "id          x\n"
        "quota_runs  -\n");
}

TEST_CASE("a name in a URL is percent-encoded") {
  CHECK(percent_encoded("a b/é&~") == "a%20b%2F%C3%A9%26~");
}
