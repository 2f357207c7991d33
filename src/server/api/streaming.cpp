#include "server/api/streaming.h"

#include <memory>
#include <utility>

#include "server/api/problem.h"

namespace osprey::server::api {
namespace {

// Kept alive by what waits to go on with it.
class Streaming : public std::enable_shared_from_this<Streaming> {
 public:
  Streaming(PieceSource source, http::BodyStream stream) : source_(std::move(source)), stream_(std::move(stream)) {}

  void send(std::string piece, bool more) {
    if (!piece.empty() && !stream_.write(std::move(piece))) return;
    if (!more) return stream_.finish();
    // Also where the reader is fast: others wait for the worker.
    stream_.when_drained([self = shared_from_this()] { self->go_on(); });
  }

 private:
  // Without finish() the reader knows that it is not whole.
  void go_on() {
    std::string piece;
    if (const auto more = source_(piece)) send(std::move(piece), *more);
  }

  PieceSource source_;
  http::BodyStream stream_;
};

}  // namespace

void stream_body(http::Response head, PieceSource source, http::Responder responder) {
  std::string piece;
  const auto more = source(piece);
  if (!more) {
    responder.send(problem_response(more.error()));
    return;
  }
  auto stream = responder.stream(std::move(head));
  std::make_shared<Streaming>(std::move(source), std::move(stream))->send(std::move(piece), *more);
}

}  // namespace osprey::server::api
