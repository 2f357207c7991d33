// What a host calls itself in its lines: --host_identifier (compat section 4.6).
#pragma once

#include <string>

#include "agent/flags/flags.h"
#include "base/root.h"
#include "store/store.h"

namespace osprey::agent {

// The identity that outlives a damaged store is kept under these keys (store/rocksdb_store.h).
inline constexpr std::string_view kHostUuidKey = "identity.host_uuid_v3";
inline constexpr std::string_view kInstanceUuidKey = "identity.instance_uuid_v1";

// Thread-safe. Both UUIDs are made once and kept in the store; `store` must outlive it.
class HostIdentity {
 public:
  HostIdentity(store::Store& store, const Root& root);

  // The firmware's or machine's own UUID, else a random one.
  const std::string& host_uuid() const noexcept { return host_uuid_; }
  // Of this installation.
  const std::string& instance_uuid() const noexcept { return instance_uuid_; }
  // hostname, uuid, instance, ephemeral or specified, as the flags ask; the host's name is read anew each time.
  std::string identifier(const Flags& flags) const;

 private:
  std::string host_uuid_;
  std::string instance_uuid_;
  std::string run_uuid_;
};

}  // namespace osprey::agent
