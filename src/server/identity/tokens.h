// API tokens: for programs. A token does what its owner's role and its own scope both allow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/api/page.h"
#include "server/db/database.h"
#include "server/identity/administrators.h"
#include "server/time.h"

namespace osprey::server::identity {

// Known to scanners for secrets: osprey_ and 64 hexadecimal digits.
inline constexpr std::string_view kTokenPrefix = "osprey_";
inline constexpr int kMostTokens = 200;  // an administrator

struct ApiToken {
  std::int64_t id = 0;
  std::int64_t administrator = 0;
  std::string name;
  Role scope = Role::view;
  Timestamp created;
  std::optional<Timestamp> used, expires, revoked;
  static constexpr std::string_view kTypeName = "ApiToken";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(field("id", &ApiToken::id, "Number of the token."),
                      field("administrator", &ApiToken::administrator, "Whose it is."),
                      field("name", &ApiToken::name, "What it is for."),
                      field("scope", &ApiToken::scope, "What it may do, where its owner's role allows it too."),
                      field("created", &ApiToken::created, "When it was made."),
                      field("used", &ApiToken::used, "Last request, within half a minute or so; null: never."),
                      field("expires", &ApiToken::expires, "When it ends; null: never."),
                      field("revoked", &ApiToken::revoked, "When it was revoked; null: it was not."));
  }
};
std::string subject_of(const ApiToken& token);

// A request about one token.
struct OneToken {
  std::int64_t token = 0;
  static constexpr auto fields() { return std::tuple(api::field("token", &OneToken::token, "Number of the token.")); }
};

struct NewToken {
  std::int64_t administrator = 0;
  std::string name;
  Role scope = Role::view;
  std::optional<Timestamp> expires;
};
struct MadeToken {
  ApiToken token;
  std::string secret;  // shown this once
  static constexpr auto fields() {
    return std::tuple(api::field("token", &MadeToken::token, "The token."),
                      api::field("secret", &MadeToken::secret,
                                 "For `Authorization: Bearer`. It is told this once; the server keeps its hash."));
  }
};
Result<MadeToken> create(db::Transaction& transaction, const NewToken& made, Timestamp now);
inline constexpr std::int64_t kAnybody = 0;
// Of one administrator or of kAnybody; kNotFound.
Result<ApiToken> revoke_token(db::Transaction& transaction, std::int64_t administrator, std::int64_t id, Timestamp now);
void revoke_tokens(db::Transaction& transaction, std::int64_t administrator, Timestamp now);
Result<api::Page<ApiToken>> list_tokens(soci::session& sql, std::int64_t administrator, const api::PageRequest& page);

}  // namespace osprey::server::identity
