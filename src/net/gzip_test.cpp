#include "net/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace osprey::net {
namespace {

std::string unpacked(std::string packed, std::size_t size) {
  std::string text(size + 1, '\0');
  z_stream stream{};
  ::inflateInit2(&stream, MAX_WBITS + 16);
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  ::inflateEnd(&stream);
  return text;
}

TEST(Gzip, WhateverIsPackedComesBack) {
  std::string bytes;
  for (unsigned i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 2654435761U >> 24);  // hardly compressible
  for (const auto& text : {std::string(), std::string("{}"), std::string(1 << 20, ' '), bytes})
    EXPECT_EQ(unpacked(gzipped(text), text.size()), text);
  EXPECT_LT(gzipped(std::string(1 << 20, ' ')).size(), 2000U);
}

}  // namespace
}  // namespace osprey::net
