#include "server/api/page.h"

#include <boost/json.hpp>

#include "base/hex.h"
#include "base/text.h"
#include "server/api/problem.h"

namespace osprey::server::api {
namespace {

std::unexpected<Error> wrong() {
  return problem(kInvalid, "after", "is no cursor of this list; take `next` of a page as it is");
}

Result<std::int64_t> id_in(std::string_view cursor) {
  const auto keys = TRY(read_cursor(cursor, 1));
  const auto id = parse<std::int64_t>(keys[0]);
  if (!id || *id <= 0) return wrong();
  return *id;
}

}  // namespace

std::string make_cursor(const std::vector<std::string>& keys) {
  return hex(boost::json::serialize(boost::json::array(keys.begin(), keys.end())));
}

Result<std::vector<std::string>> read_cursor(std::string_view cursor, std::size_t keys) {
  const auto text = from_hex(cursor);
  if (!text) return wrong();
  boost::system::error_code failed;
  const auto value = boost::json::parse(*text, failed);
  if (failed || !value.is_array() || value.get_array().size() != keys) return wrong();
  std::vector<std::string> read;
  for (const auto& key : value.get_array()) {
    if (!key.is_string()) return wrong();
    read.emplace_back(key.get_string());
  }
  return read;
}

Result<std::int64_t> id_after(const std::optional<std::string>& cursor) { return cursor ? id_in(*cursor) : 0; }

Result<std::int64_t> id_before(const std::optional<std::string>& cursor) { return cursor ? id_in(*cursor) : INT64_MAX; }

}  // namespace osprey::server::api
