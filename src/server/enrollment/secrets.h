// Secrets: what a host must know to enrol. They are kept readable, since a secret is shown again and again in the line
// that enrols a host (as Fleet does); seeing it needs the permission to manage and is recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/db/database.h"
#include "server/hosts/host.h"
#include "server/tags/tags.h"
#include "server/time.h"

namespace osprey::server::enrollment {

// Without its text, which only an enrolment line needs.
struct Secret {
  std::int64_t id = 0;
  std::string name;
  std::vector<hosts::TagId> tags;
  std::optional<Timestamp> expires_at;
  std::optional<std::int64_t> use_limit;
  std::int64_t uses = 0;
  std::optional<Timestamp> last_used_at;
  Timestamp created_at;
  std::string created_by;
  std::optional<Timestamp> revoked_at;
};

// As the API shows one.
struct ShownSecret : Secret {
  std::vector<std::string> tag_names;
  static constexpr std::string_view kTypeName = "EnrollmentSecret";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("id", &ShownSecret::id, "Number of the secret."), field("name", &ShownSecret::name, "Its name."),
        field("tags", &ShownSecret::tag_names, "Tags that hosts get when they first enrol with it."),
        field("expires_at", &ShownSecret::expires_at, "From when on it is refused; null: never."),
        field("use_limit", &ShownSecret::use_limit, "How many hosts it may bring into the fleet; null: any number."),
        field("uses", &ShownSecret::uses, "How many hosts it has brought into the fleet."),
        field("last_used_at", &ShownSecret::last_used_at, "When it did so last."),
        field("created_at", &ShownSecret::created_at, "When it was made."),
        field("created_by", &ShownSecret::created_by, "By whom; empty: by the server's first start."),
        field("revoked_at", &ShownSecret::revoked_at, "Since when it is refused; null: it is not revoked."));
  }
};
ShownSecret shown(Secret secret, const tags::Tags& tags);

// A request about one secret.
struct OneSecret {
  std::int64_t secret = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("secret", &OneSecret::secret, "Number of the secret.", {.least = 1}));
  }
};

// For the activity log.
std::string subject_of(std::int64_t id, std::string_view name);

struct NewSecret {
  std::string name;
  std::string text;
  std::vector<hosts::TagId> tags;
  std::optional<Timestamp> expires_at;
  std::optional<std::int64_t> use_limit;
  std::string created_by;
};
// An error (api::kInvalid) where it cannot be one: agents read it from a file and trim it.
Result<void> check_secret_text(std::string_view text);

// In the caller's transaction. Codes of errors: api::kConflict for a name or text that is taken, api::kNotFound.
Result<std::int64_t> add_secret(db::Transaction& transaction, const NewSecret& secret, Timestamp now);
Result<Secret> revoke_secret(db::Transaction& transaction, std::int64_t id, Timestamp now);
Result<std::pair<Secret, std::string>> read_secret(db::Transaction& transaction, std::int64_t id);  // and its text
Result<std::vector<Secret>> list_secrets(db::Database& database);
// What to say of those in use that give this tag.
Result<std::vector<std::string>> secrets_with(db::Database& database, hosts::TagId tag);

// For an enrolment: the secret with this text, or none.
std::optional<Secret> find_secret(db::Transaction& transaction, std::string_view text);
// Why it must not be used; empty if it may. The use limit is count_use()'s.
std::string_view refusal_of(const Secret& secret, Timestamp now) noexcept;
// Counts a host that it brings into the fleet; false: its limit is reached. Exact, however many do so at a time.
bool count_use(db::Transaction& transaction, std::int64_t id, Timestamp now);
std::optional<Secret> secret_by_id(db::Transaction& transaction, std::int64_t id);

}  // namespace osprey::server::enrollment
