#include "base/version.h"

namespace osprey {

std::string_view version() noexcept { return OSPREY_VERSION; }

}  // namespace osprey
