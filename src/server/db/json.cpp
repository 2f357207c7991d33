#include "server/db/json.h"

namespace osprey::server::db {

boost::json::value json_value(std::string_view text) {
  boost::system::error_code failed;
  auto value = boost::json::parse(text, failed);
  return failed ? boost::json::value() : value;
}

boost::json::object json_object(std::string_view text) {
  auto value = json_value(text);
  return value.is_object() ? std::move(value.get_object()) : boost::json::object();
}

}  // namespace osprey::server::db
