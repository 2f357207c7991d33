# Compiler, linker and cache settings that every target shares.

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
                    -fvisibility=hidden -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes a moved-from optional or string for an uninitialised one at -O2, or for one out of bounds.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
  # libstdc++ 12 says std::expected is for C++23 only; nothing else here asks for more.
endif()

if(OSPREY_SANITIZE)
  add_compile_options(-fsanitize=${OSPREY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${OSPREY_SANITIZE})
endif()
if(OSPREY_SANITIZE STREQUAL "thread")
  add_library(thread_sanitizer STATIC cmake/thread_sanitizer.cpp)
  link_libraries(thread_sanitizer)
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # The base directory makes hits carry over between checkouts; the sloppiness is what precompiled headers need.
  set(cache "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${cache})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${cache})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

if(NOT OSPREY_SANITIZE)
  # What is linked in statically stays inside: a module finds its own libcrypto, never the program's. (The sanitizers
  # must be seen from outside.)
  add_link_options(-Wl,--exclude-libs,ALL)
endif()
