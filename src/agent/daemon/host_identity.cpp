#include "agent/daemon/host_identity.h"

#include "agent/program.h"
#include "linux/files/host_uuid.h"

namespace osprey::agent {
namespace {

// The value of `key`, which is given `made` where there is none. A store that cannot be written costs the value its
// permanence only.
std::string kept(store::Store& store, std::string_view key, std::string made) {
  auto known = store.get(store::Family::configuration, key);
  if (known && *known && !(*known)->empty()) return **known;
  store::Batch batch;
  batch.put(store::Family::configuration, key, made);
  static_cast<void>(store.write(batch));
  return made;
}

}  // namespace

HostIdentity::HostIdentity(store::Store& store, const Root& root)
    : host_uuid_(kept(store, kHostUuidKey, linux::host_uuid(root).value_or(random_uuid()))),
      instance_uuid_(kept(store, kInstanceUuidKey, random_uuid())),
      run_uuid_(random_uuid()) {}

std::string HostIdentity::identifier(const Flags& flags) const {
  const auto kind = flags.text("host_identifier");
  if (kind == "uuid") return host_uuid_;
  if (kind == "instance") return instance_uuid_;
  if (kind == "ephemeral") return run_uuid_;
  if (kind == "specified" && !flags.text("specified_identifier").empty())
    return std::string(flags.text("specified_identifier"));
  return host_name();
}

}  // namespace osprey::agent
