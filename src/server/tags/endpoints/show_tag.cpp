#include <algorithm>

#include "server/api/endpoint.h"
#include "server/tags/records.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

struct Evaluation {
  std::int64_t evaluated = 0, waiting = 0, stale = 0;
  std::optional<Timestamp> oldest;
  static constexpr std::string_view kTypeName = "TagEvaluation";
  static constexpr auto fields() {
    return std::tuple(
        api::field("evaluated", &Evaluation::evaluated, "Hosts that have answered the rule as it is now."),
        api::field("waiting", &Evaluation::waiting, "Hosts that have not, and are as an older rule left them."),
        api::field("stale", &Evaluation::stale, "Hosts where the rule last failed, which left them as they were."),
        api::field("oldest", &Evaluation::oldest, "The oldest of those answers."));
  }
};

struct Shown {
  tags::TagRow tag;
  std::optional<Evaluation> evaluation;
  std::vector<std::string> used_by;
  static constexpr std::string_view kTypeName = "TagPage";
  static constexpr auto fields() {
    return std::tuple(api::field("tag", &Shown::tag, "As in the list."),
                      api::field("evaluation", &Shown::evaluation,
                                 "How far a query rule is evaluated; null for other tags: conditions always are."),
                      api::field("used_by", &Shown::used_by, "What keeps it from being deleted."));
  }
};

Evaluation evaluation_of(const tags::Tag& tag, const Services& services) {
  Evaluation evaluation;
  const auto& service = tags::service(services);
  hosts::service(services).roster().visit([&](const hosts::HostPtr& host, const hosts::Signs&) {
    const auto evaluated = service.evaluated(host->id);
    if (evaluated.revision < tag.revision) {
      ++evaluation.waiting;
    } else {
      ++evaluation.evaluated;
      evaluation.oldest = std::min(evaluation.oldest.value_or(evaluated.at), evaluated.at);
    }
  });
  return evaluation;
}

Result<Shown> handle(const tags::OneTag& request, const api::Context& context) {
  const auto& service = tags::service(context.services);
  const auto tag = TRY(service.find(request.tag));
  Shown shown{.tag = tags::row_of(tag, tags::count_members(hosts::service(context.services).roster())[tag.id]),
              .evaluation = {},
              .used_by = {}};
  if (!tag.query.empty()) {
    shown.evaluation = evaluation_of(tag, context.services);
    shown.evaluation->stale =
        TRY(context.services.database->read([&](soci::session& sql) { return tags::count_faults(sql, tag.id); }));
  }
  shown.used_by = TRY(service.uses(tag.id));
  return shown;
}

}  // namespace

api::Endpoint show_tag() {
  return api::endpoint(http::Method::get, "/api/v1/tags/{tag}", api::Permission::view,
                       "A tag, how far its rule is evaluated and what uses it.", handle);
}

}  // namespace osprey::server
