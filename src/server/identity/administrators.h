// Administrators: the people who use the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/api/page.h"
#include "server/api/permission.h"
#include "server/db/database.h"
#include "server/identity/passwords.h"
#include "server/time.h"

namespace osprey::server::identity {

// What an administrator may do; each includes those before it.
enum class Role : unsigned char { view, run_live, manage, administer };
api::Permission permission_of(Role role) noexcept;

// Names tell people apart, so they have nothing in them that is not seen: no control characters, no blanks around, no
// marks that turn the direction of text. Letters of ASCII that differ in case only are the same name.
Result<void> check_name(std::string_view name);
std::string name_key(std::string_view name);

struct Administrator {
  std::int64_t id = 0;
  std::string name;
  Role role = Role::view;
  bool disabled = false;
  bool must_change_password = false;
  bool totp = false;
  Timestamp created;
  std::optional<Timestamp> signed_in;
  static constexpr std::string_view kTypeName = "Administrator";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("id", &Administrator::id, "Number of the administrator."),
        field("name", &Administrator::name, "Name to sign in with."),
        field("role", &Administrator::role, "What the administrator may do; each role includes those before it."),
        field("disabled", &Administrator::disabled, "Cannot sign in; tokens do not count."),
        field("must_change_password", &Administrator::must_change_password,
              "May do nothing else before the password is changed."),
        field("totp", &Administrator::totp, "A code is wanted to sign in, besides the password."),
        field("created", &Administrator::created, "When it was made."),
        field("signed_in", &Administrator::signed_in, "When it last signed in; null: never."));
  }
};
// A request about one administrator.
struct OneAdministrator {
  std::int64_t administrator = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("administrator", &OneAdministrator::administrator, "Number of the administrator."));
  }
};

// For the activity log: "administrator 3 «ada»".
std::string subject_of(const Administrator& administrator);

struct NewAdministrator {
  std::string name;
  Role role = Role::view;
  std::string password_hash;  // empty: signs in by other means than a password
  bool must_change_password = true;
};
// kInvalid: no such name can be; kConflict: it is taken.
Result<Administrator> create(db::Transaction& transaction, const NewAdministrator& made, Timestamp now);

// kNotFound.
Result<Administrator> find(soci::session& sql, std::int64_t id);
// By id.
Result<api::Page<Administrator>> list(soci::session& sql, const api::PageRequest& page);

struct AdministratorChange {
  std::optional<std::string> name;
  std::optional<Role> role;
  std::optional<bool> disabled;
};
// A change of role or disabling ends the sessions. kConflict: it is the last one who may administer.
Result<Administrator> change(db::Transaction& transaction, std::int64_t id, const AdministratorChange& wanted);
Result<Administrator> remove(db::Transaction& transaction, std::int64_t id);

// Ends all sessions but `kept`.
void set_password(db::Transaction& transaction, std::int64_t id, const std::string& hash, bool must_change,
                  std::int64_t kept_session = 0);
// The hash; empty if there is none.
std::string password_of(soci::session& sql, std::int64_t id);

// Where there is nobody yet, makes "admin", who may do all, and returns the password, to be shown this once.
Result<std::optional<std::string>> make_first_administrator(db::Database& database, Passwords& passwords,
                                                            Timestamp now);

// For the console of the server's machine: a new password for the administrator of this name, who is enabled again if
// he was not, and whose codes are turned off.
Result<std::string> reset_password(db::Database& database, Passwords& passwords, const std::string& name,
                                   Timestamp now);

}  // namespace osprey::server::identity

template <>
struct osprey::server::api::EnumNames<osprey::server::identity::Role> {
  using Role = osprey::server::identity::Role;
  static constexpr std::array kNames{
      std::pair{Role::view, std::string_view("view")}, std::pair{Role::run_live, std::string_view("run_live")},
      std::pair{Role::manage, std::string_view("manage")}, std::pair{Role::administer, std::string_view("administer")}};
};
