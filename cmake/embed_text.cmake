# cmake -DIN=http/openapi.json -DOUT=file.cpp -DNAME=openapi_json -P embed_text.cmake
# Defines std::string ares::http::NAME(), the text of IN. In pieces: a compiler need not take a
# literal of more than 64 KiB.
file(READ "${IN}" text)
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND pieces "  text += R\"text(${piece})text\";\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE "${OUT}" "// Generated from ${IN} by cmake/embed_text.cmake.
#include <string>

namespace ares::http {

std::string ${NAME}() {
  std::string text;
${pieces}  return text;
}

} // namespace ares::http
")
