#include "server/http/inflater.h"

#include <zlib.h>
#include <string_view>

#include <array>
#include <new>

namespace osprey::server::http {

struct Inflater::State {
  z_stream stream{};
};

Inflater::Inflater() : state_(std::make_unique<State>()) {
  constexpr int kGzipOnly = 16;
  if (inflateInit2(&state_->stream, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(&state_->stream); }

Inflater::Outcome Inflater::feed(std::string_view packed, const std::function<bool(std::string_view)>& take) {
  std::array<char, 16 << 10> unpacked;
  auto& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  do {
    if (ended_ && stream.avail_in > 0) {
      inflateReset(&stream);
      ended_ = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream.avail_out = unpacked.size();
    const int outcome = inflate(&stream, Z_NO_FLUSH);
    if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR) return Outcome::malformed;
    if (!take({unpacked.data(), unpacked.size() - stream.avail_out})) return Outcome::refused;
    ended_ = outcome == Z_STREAM_END;
  } while (stream.avail_in > 0 || stream.avail_out == 0);
  return Outcome::more;
}

}  // namespace osprey::server::http
