#include <fmt/format.h>

#include "server/api/endpoint.h"
#include "server/api/streaming.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

bool is_zstd(std::string_view block) { return block.starts_with("\x28\xb5\x2f\xfd"); }

void handle(const carves::OneCarve& request, const api::Context& context, http::Responder responder) {
  auto& carves = *context.services.carves;
  const auto carve = carves.find(request.carve);
  if (!carve || carve->state != carves::State::complete) {
    responder.send(carve ? api::problem_response(409, "the carve is not complete")
                         : api::problem_response(carve.error()));
    return;
  }
  const auto first = carves.read(carve->id, 0);
  if (!first) {
    responder.send(api::problem_response(first.error()));
    return;
  }
  // Nothing of the host's own words gets into the name.
  const auto name = fmt::format("attachment; filename=\"carve-{}.tar{}\"", carve->id, is_zstd(*first) ? ".zst" : "");
  auto next = [&carves, id = carve->id, blocks = carve->blocks,
               block = std::int64_t{0}](std::string& piece) mutable -> Result<bool> {
    do piece += TRY(carves.read(id, block++));
    while (block < blocks && piece.size() < api::kPiece);
    return block < blocks;
  };
  api::stream_body({.content_type = "application/octet-stream",
                    .headers = {{"content-disposition", name}, {"x-content-type-options", "nosniff"}}},
                   std::move(next), std::move(responder));
}

}  // namespace

api::Endpoint download_carve() {
  return api::endpoint(http::Method::get, "/api/v1/carves/{carve}/content", api::Permission::run_live,
                       "The carve itself: a tar archive, packed by zstd where the host did so.", handle,
                       "application/octet-stream");
}

}  // namespace osprey::server
