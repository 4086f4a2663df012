# cmake -DOUT=file.cpp -DDIR=store/scripts -P embed_scripts.cmake
# Every DIR/NAME.lua becomes an ares::store::script. A line `--#include part.lua` stands for the
# text of DIR/parts/part.lua. A script's SHA-1 is taken over the text that Redis gets. In a library of
# functions (`#!lua name=`) `%version%` stands for 12 digits of the SHA-1 of the text itself; every
# `ares_NAME_%version%` that it registers becomes an ares::store::script NAME.
file(GLOB files "${DIR}/*.lua")
set(entries "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  while(text MATCHES "--#include ([a-z_]+\\.lua)\n") # a part may include parts
    set(line "${CMAKE_MATCH_0}")
    file(READ "${DIR}/parts/${CMAKE_MATCH_1}" part)
    string(REPLACE "${line}" "${part}" text "${text}")
  endwhile()
  string(SHA1 sha "${text}")
  if(text MATCHES "^#!lua name=")
    string(SUBSTRING "${sha}" 0 12 version)
    string(REGEX MATCHALL "function_name = 'ares_[a-z_]+_%version%'" functions "${text}")
    string(REPLACE "%version%" "${version}" text "${text}")
    foreach(function IN LISTS functions)
      string(REGEX REPLACE ".*'ares_([a-z_]+)_%version%'" "\\1" name "${function}")
      string(APPEND entries
             "    {\"${name}\", R\"lua(${text})lua\", \"\", \"ares_${name}_${version}\"},\n")
    endforeach()
  else()
    string(APPEND entries "    {\"${name}\", R\"lua(${text})lua\", \"${sha}\", \"\"},\n")
  endif()
endforeach()
file(WRITE "${OUT}" "// Generated from store/scripts by cmake/embed_scripts.cmake.
#include \"store/scripts.hpp\"

#include <stdexcept>

namespace ares::store {

const std::vector<script>& scripts() {
  static const std::vector<script> all{
${entries}  };
  return all;
}

const script& script_named(std::string_view name) {
  for (const auto& s : scripts())
    if (s.name == name)
      return s;
  throw std::logic_error(\"no script \" + std::string(name));
}

} // namespace ares::store
")
