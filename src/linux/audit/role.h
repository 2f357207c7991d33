// AuditRole: what this program itself is to the audit system; a service of queries (sql/scan.h).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::linux {

inline constexpr std::string_view kOurAuditKey = "osprey";

struct AuditRole {
  // "unicast", "multicast", "dispatcher", "log" or "none". Thread-safe.
  std::function<std::string_view()> mode;
  // Runs a job where the rights are that asking the kernel needs, and waits for it; or leaves it undone.
  std::function<void(const std::function<void()>&)> with_rights = [](const auto& job) { job(); };
  // What our rules are known by: their first key.
  std::string key = std::string(kOurAuditKey);
};

// What `ask` is answered, with the rights of the role if there is one.
template <class T, class Ask>
Result<T> ask_audit(const AuditRole* role, Ask&& ask) {
  if (!role) return ask();
  Result<T> answer = failure("audit", "events are not captured any more");
  role->with_rights([&] { answer = ask(); });
  return answer;
}

}  // namespace osprey::linux
