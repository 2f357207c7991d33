// AuditRole: what this program itself is to the audit system; a service of queries (sql/scan.h).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace osprey::linux {

inline constexpr std::string_view kOurAuditKey = "osprey";

struct AuditRole {
  // "unicast", "multicast", "dispatcher", "log" or "none". Thread-safe.
  std::function<std::string_view()> mode;
  // What our rules are known by: their first key.
  std::string key = std::string(kOurAuditKey);
};

}  // namespace osprey::linux
