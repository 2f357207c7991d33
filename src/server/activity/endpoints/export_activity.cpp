#include "server/activity/entries.h"
#include "server/api/endpoint.h"
#include "server/api/streaming.h"

namespace osprey::server {
namespace {

constexpr std::int64_t kStep = 500;  // entries read at a time

void handle(const activity::Filter& filter, const api::Context& context, http::Responder responder) {
  auto next = [filter, &database = *context.services.database,
               before = INT64_MAX](std::string& piece) mutable -> Result<bool> {
    while (piece.size() < api::kPiece) {
      const auto found =
          TRY(database.read([&](soci::session& sql) { return activity::list(sql, filter, before, kStep); }));
      for (const auto& entry : found) piece += boost::json::serialize(api::to_json(entry)) + '\n';
      if (static_cast<std::int64_t>(found.size()) < kStep) return false;
      before = found.back().id;
    }
    return true;
  };
  api::stream_body({.content_type = "application/jsonl"}, std::move(next), std::move(responder));
}

}  // namespace

api::Endpoint export_activity() {
  return api::endpoint(http::Method::get, "/api/v1/activity/export", api::Permission::administer,
                       "The activity as JSON lines, the latest first.", handle, "application/jsonl");
}

}  // namespace osprey::server
