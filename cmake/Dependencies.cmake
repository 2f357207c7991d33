# What is linked at start is linked statically: it costs 2 ms and 4.5 MB, shared 7 ms and 13.9 MB.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(osprey_static_library name archive)
  find_library(${name}_ARCHIVE ${archive} REQUIRED)
  add_library(${name} INTERFACE)
  target_link_libraries(${name} INTERFACE ${${name}_ARCHIVE} ${ARGN})
endfunction()

osprey_static_library(sqlite libsqlite3.a m dl Threads::Threads)
osprey_static_library(crypto libcrypto.a dl Threads::Threads)
osprey_static_library(re2 libre2.a Threads::Threads)
osprey_static_library(pcre2 libpcre2-8.a)
osprey_static_library(blkid libblkid.a)
osprey_static_library(zstd libzstd.a)
osprey_static_library(lz4 liblz4.a)
osprey_static_library(snappy libsnappy.a)
osprey_static_library(bz2 libbz2.a)
osprey_static_library(z libz.a)

# RocksDB's 150 static constructors would cost every start of the program 0.7 ms and 3 MB. Their addresses are moved to a
# section that nothing runs but store/rocksdb_store.cpp, before it opens its first database. (Two steps: only a change of
# flags makes objcopy give up the section's type, by which linkers find constructors. The archive is not position
# independent enough for a module of ours, and its shared sister costs an agent 4 MB.)
find_library(rocksdb_ARCHIVE librocksdb.a REQUIRED)
# GNU's: LLVM's keeps the type whatever the flags.
find_program(GNU_OBJCOPY objcopy REQUIRED)
set(rocksdb_DEFERRED "${CMAKE_BINARY_DIR}/lib/librocksdb_deferred.a")
if(NOT EXISTS "${rocksdb_DEFERRED}" OR "${rocksdb_ARCHIVE}" IS_NEWER_THAN "${rocksdb_DEFERRED}")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
  execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND "${GNU_OBJCOPY}"
    --rename-section .init_array=rocksdb_constructors,alloc,load,readonly,data,contents
    "${rocksdb_ARCHIVE}" "${rocksdb_DEFERRED}.readonly")
  execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND "${GNU_OBJCOPY}"
    --set-section-flags rocksdb_constructors=alloc,load,data,contents
    "${rocksdb_DEFERRED}.readonly" "${rocksdb_DEFERRED}")
  file(REMOVE "${rocksdb_DEFERRED}.readonly")
endif()
add_library(rocksdb INTERFACE)
target_link_libraries(rocksdb INTERFACE "${rocksdb_DEFERRED}" zstd lz4 snappy bz2 z Threads::Threads dl)

osprey_static_library(boost_json libboost_json.a)
osprey_static_library(boost_container libboost_container.a)

target_link_libraries(boost_json INTERFACE boost_container)

# The server's.
osprey_static_library(ssl libssl.a crypto)
osprey_static_library(argon2 libargon2.a Threads::Threads)
osprey_static_library(soci_core libsoci_core.a Threads::Threads dl)
osprey_static_library(soci_sqlite3 libsoci_sqlite3.a soci_core sqlite)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
osprey_static_library(soci_postgresql libsoci_postgresql.a soci_core PkgConfig::LIBPQ)
target_include_directories(soci_core SYSTEM INTERFACE /usr/include/soci)
find_package(yaml-cpp REQUIRED)
