#include <fmt/format.h>

#include <memory>

#include "server/api/endpoint.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

constexpr std::size_t kUnsent = 4 << 20;  // bytes; then the reader is waited for

// One carve on its way to one reader.
struct Download : std::enable_shared_from_this<Download> {
  Download(carves::Carves& from, const carves::Carve& carve, http::BodyStream to)
      : carves(from), id(carve.id), blocks(carve.blocks), stream(std::move(to)) {}

  void go_on() {
    while (next < blocks) {
      if (stream.unsent() > kUnsent) {
        stream.when_drained([self = shared_from_this()] { self->go_on(); });
        return;
      }
      auto block = carves.read(id, next);
      if (!block || !stream.write(std::move(*block))) return;  // without finish() the reader knows that it is not whole
      ++next;
    }
    stream.finish();
  }

  carves::Carves& carves;
  const carves::CarveId id;
  const std::int64_t blocks;
  http::BodyStream stream;
  std::int64_t next = 0;
};

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
  auto stream = responder.stream({.content_type = "application/octet-stream",
                                  .headers = {{"content-disposition", name}, {"x-content-type-options", "nosniff"}}});
  std::make_shared<Download>(carves, *carve, std::move(stream))->go_on();
}

}  // namespace

api::Endpoint download_carve() {
  return api::endpoint(http::Method::get, "/api/v1/carves/{carve}/content", api::Permission::run_live,
                       "The carve itself: a tar archive, packed by zstd where the host did so.", handle,
                       "application/octet-stream");
}

}  // namespace osprey::server
