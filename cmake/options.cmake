# Compiler options of every target in the project.
set(ARES_SANITIZE "" CACHE STRING "address | thread | fuzzer | empty")

# -O3 gains nothing here that can be measured; it compiles a fifth longer, and g++ 12 then warns of
# overruns in std::string that are none.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(ARES_CCACHE ccache)
if(ARES_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ARES_CCACHE}")
endif()
find_program(ARES_MOLD mold)
if(ARES_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra)
add_link_options(-rdynamic)

if(ARES_SANITIZE STREQUAL "address")
  # null and vptr report false positives inside CAF's own headers (docs/decisions/).
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,vptr -fno-omit-frame-pointer
                      -fno-sanitize-recover=undefined -O1)
  add_link_options(-fsanitize=address,undefined)
elseif(ARES_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=thread)
elseif(ARES_SANITIZE STREQUAL "fuzzer") # clang only; the fuzz targets link libFuzzer's main
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=null,vptr -O1)
  add_link_options(-fsanitize=address,undefined)
endif()
