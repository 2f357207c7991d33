// JSON that is kept as text.
#pragma once

#include <boost/json.hpp>
#include <string_view>

namespace osprey::server::db {

// Null where the text is no JSON: another version of the server, or somebody else, has written it.
boost::json::value json_value(std::string_view text);
// Empty where it is no object.
boost::json::object json_object(std::string_view text);

}  // namespace osprey::server::db
