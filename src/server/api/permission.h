// What one may do. Each includes those before it.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "server/api/fields.h"

namespace osprey::server::api {

enum class Permission : unsigned char {
  everyone,    // without signing in
  signed_in,   // about oneself
  view,        // see hosts, results, settings
  run_live,    // ask live queries, carve
  manage,      // change queries, packs, tags, hosts, secrets
  administer,  // people and tokens
};

template <>
struct EnumNames<Permission> {
  static constexpr std::array kNames{std::pair{Permission::everyone, std::string_view("everyone")},
                                     std::pair{Permission::signed_in, std::string_view("signed_in")},
                                     std::pair{Permission::view, std::string_view("view")},
                                     std::pair{Permission::run_live, std::string_view("run_live")},
                                     std::pair{Permission::manage, std::string_view("manage")},
                                     std::pair{Permission::administer, std::string_view("administer")}};
};

}  // namespace osprey::server::api
