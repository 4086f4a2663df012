# The distribution's libraries as imported targets ares::NAME.
# CAF, RESTinio, http_parser, asio, hiredis, toml++ and CLI11 have no CMake config on every
# supported release, so all are found by header and library alike.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)

function(ares_package name)
  cmake_parse_arguments(P "" "HEADER" "LIBS;LINK;DEFS" ${ARGN})
  add_library(ares::${name} INTERFACE IMPORTED GLOBAL)
  find_path(ARES_${name}_INCLUDE ${P_HEADER} REQUIRED)
  target_include_directories(ares::${name} SYSTEM INTERFACE ${ARES_${name}_INCLUDE})
  foreach(lib IN LISTS P_LIBS)
    find_library(ARES_${name}_${lib} ${lib} REQUIRED)
    target_link_libraries(ares::${name} INTERFACE ${ARES_${name}_${lib}})
  endforeach()
  target_link_libraries(ares::${name} INTERFACE ${P_LINK})
  target_compile_definitions(ares::${name} INTERFACE ${P_DEFS})
endfunction()

ares_package(json HEADER nlohmann/json.hpp)
ares_package(toml HEADER toml++/toml.h)
ares_package(cli HEADER CLI/CLI.hpp)
ares_package(valijson HEADER valijson/validator.hpp)
ares_package(muparser HEADER muParser.h LIBS muparser)
ares_package(hiredis HEADER hiredis/async.h LIBS hiredis)
ares_package(fmt HEADER fmt/format.h LIBS fmt)
ares_package(spdlog HEADER spdlog/spdlog.h LIBS spdlog LINK ares::fmt Threads::Threads
             DEFS SPDLOG_COMPILED_LIB SPDLOG_SHARED_LIB SPDLOG_FMT_EXTERNAL)
ares_package(prometheus HEADER prometheus/registry.h LIBS prometheus-cpp-core)
ares_package(caf HEADER caf/all.hpp LIBS caf_core LINK Threads::Threads)
ares_package(restinio HEADER restinio/all.hpp LINK ares::fmt Threads::Threads OpenSSL::SSL
             DEFS ASIO_STANDALONE)
