// For tests: reading what gzip.h has packed.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace osprey::net {

// The text, which has at most `most` bytes.
inline std::string unzipped(std::string packed, std::size_t most) {
  std::string text(most + 1, '\0');
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

}  // namespace osprey::net
