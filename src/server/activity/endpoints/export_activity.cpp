#include "server/activity/entries.h"
#include "server/api/endpoint.h"

namespace osprey::server {
namespace {

constexpr std::int64_t kStep = 500;           // entries read at a time
constexpr std::size_t kMostUnsent = 1 << 20;  // bytes that the reader has not taken

// Holds itself while the reader is slower than the database.
class Export : public std::enable_shared_from_this<Export> {
 public:
  Export(activity::Filter filter, db::Database& database, http::BodyStream stream)
      : filter_(std::move(filter)), database_(database), stream_(std::move(stream)) {}

  void go_on() {
    while (stream_.unsent() < kMostUnsent) {
      const auto found =
          database_.read([&](soci::session& sql) { return activity::list(sql, filter_, before_, kStep); });
      if (!found) return;  // not finished: the reader sees that it is not whole
      std::string lines;
      for (const auto& entry : *found) lines += boost::json::serialize(api::to_json(entry)) + '\n';
      if (!lines.empty() && !stream_.write(std::move(lines))) return;
      if (static_cast<std::int64_t>(found->size()) < kStep) return stream_.finish();
      before_ = found->back().id;
    }
    stream_.when_drained([self = shared_from_this()] { self->go_on(); });
  }

 private:
  const activity::Filter filter_;
  db::Database& database_;
  http::BodyStream stream_;
  std::int64_t before_ = INT64_MAX;
};

void handle(const activity::Filter& filter, const api::Context& context, http::Responder responder) {
  auto stream = responder.stream({.content_type = "application/jsonl"});
  std::make_shared<Export>(filter, *context.services.database, std::move(stream))->go_on();
}

}  // namespace

api::Endpoint export_activity() {
  return api::endpoint(http::Method::get, "/api/v1/activity/export", api::Permission::administer,
                       "The activity as JSON lines, the latest first.", handle, "application/jsonl");
}

}  // namespace osprey::server
