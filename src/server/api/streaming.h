// Streaming: an answer's body that goes as fast as its reader, and of which a piece at a time is held.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/result.h"
#include "server/http/responder.h"

namespace osprey::server::api {

// Puts what comes next into `piece`, which is empty, about kPiece at most; false: there is no more. Called on workers,
// by one at a time.
inline constexpr std::size_t kPiece = 1 << 20;
using PieceSource = std::function<Result<bool>(std::string& piece)>;

// Sends all of it. An error of the first call is answered as a problem; at a later one the connection breaks off, so
// that the reader knows that it is not whole. What `source` refers to outlives the listener.
void stream_body(http::Response head, PieceSource source, http::Responder responder);

}  // namespace osprey::server::api
