// The name in a certificate's subject.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::server::enrollment {

// The first CN of a subject in the form of RFC 2253 ("CN=host-1,O=fleet"), escapes undone.
std::optional<std::string> common_name(std::string_view subject);

}  // namespace osprey::server::enrollment
