// The UUID that a machine goes by.
#pragma once

#include <optional>
#include <string>

#include "base/root.h"

namespace osprey::linux {

// The firmware's (/sys/class/dmi/id/product_uuid), unless it is one of those that boards are sold with by the thousand;
// else /etc/machine-id (machine-id(5)) in the form of a UUID; empty where there is neither. Only root may read the
// firmware's, so that others see the second.
std::optional<std::string> host_uuid(const Root& root);

}  // namespace osprey::linux
