// What the endpoints about oneself share.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/endpoint.h"
#include "server/identity/caller.h"
#include "server/identity/passwords.h"

namespace osprey::server::identity {

// A request that one's own password confirms.
struct OwnPassword {
  std::string password;
  static constexpr auto fields() {
    return std::tuple(api::field("password", &OwnPassword::password, "One's own password, once more.",
                                 {.least = 1, .most = kMostPassword}));
  }
};

// For what a token must not do: a stolen one would outlive its revocation by what it has made.
Result<void> need_session(const Caller& caller);
// That it is the administrator who sits there, and not somebody at a screen left open. Wrong ones count as those of
// signing in do.
Result<void> confirm_password(const api::Context& context, std::string_view password);
// "administrator 3 «ada»"
std::string subject_of(const Caller& caller);

}  // namespace osprey::server::identity
