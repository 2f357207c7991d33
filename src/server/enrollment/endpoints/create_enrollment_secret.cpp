#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/enrollment/secrets.h"
#include "server/secret.h"

namespace osprey::server {
namespace {

struct Request {
  std::string name;
  std::optional<std::string> secret;
  std::vector<std::string> tags;
  std::optional<Timestamp> expires_at;
  std::optional<std::int64_t> use_limit;
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("name", &Request::name, "Its name; not that of another one in use.", {.least = 1, .most = 100}),
        field("secret", &Request::secret, "Its text; without one 256 random bits.", {.least = 8, .most = 256}),
        field("tags", &Request::tags, "Names of the tags that hosts get when they first enrol with it.",
              {.most = 100, .has_default = true}),
        field("expires_at", &Request::expires_at, "From when on it is refused."),
        field("use_limit", &Request::use_limit, "How many hosts it may bring into the fleet.", {.least = 1}));
  }
};

Result<api::Created<enrollment::ShownSecret>> handle(const Request& request, const api::Context& context) {
  enrollment::NewSecret secret{.name = request.name,
                               .text = request.secret ? *request.secret : random_secret(),
                               .expires_at = request.expires_at,
                               .use_limit = request.use_limit,
                               .created_by = context.caller.name};
  TRY(enrollment::check_secret_text(secret.text));
  if (secret.expires_at && *secret.expires_at <= context.now)
    return api::problem(api::kInvalid, "expires_at", "is in the past");
  for (const auto& tag : request.tags) secret.tags.push_back(TRY(context.services.tags->by_name(tag)));

  const auto id = context.services.database->write([&](db::Transaction& transaction) -> Result<std::int64_t> {
    const auto added = TRY(enrollment::add_secret(transaction, secret, context.now));
    activity::record(
        transaction, context.caller, context.now,
        {.verb = "enrollment_secret.created", .subject = enrollment::subject_of(added, secret.name), .details = {}});
    return added;
  });
  if (!id) return std::unexpected(id.error());
  const enrollment::Secret made{.id = *id,
                                .name = secret.name,
                                .tags = secret.tags,
                                .expires_at = secret.expires_at,
                                .use_limit = secret.use_limit,
                                .created_at = context.now,
                                .created_by = secret.created_by};
  return api::Created<enrollment::ShownSecret>{.value = enrollment::shown(made, *context.services.tags),
                                               .location = "/api/v1/enrollment/secrets/" + std::to_string(*id)};
}

}  // namespace

api::Endpoint create_enrollment_secret() {
  return api::endpoint(http::Method::post, "/api/v1/enrollment/secrets", api::Permission::manage,
                       "Makes a secret that hosts enrol with.", handle);
}

}  // namespace osprey::server
