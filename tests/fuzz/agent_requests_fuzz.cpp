// What agents send to the server: the first byte chooses the request. Pieces cut out of a large body are what a parser
// that builds a tree finds there.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/agents/accept_encoding.h"
#include "server/agents/raw_json.h"
#include "server/agents/requests.h"
#include "server/enrollment/certificate_name.h"
#include "server/enrollment/node_keys.h"

namespace {

using namespace osprey;
using namespace osprey::server;
namespace json = boost::json;

void check(bool good) {
  if (!good) std::abort();
}

template <class T>
void check_error(const Result<T>& result) {
  check(result || !result.error().text().empty());
}

void log_lines(std::string_view body) {
  const auto request = agents::read_log(body, 1000);
  check_error(request);
  if (!request) return;
  for (const auto& line : request->lines) check(line.size() <= 1000 && json::parse(line).is_object());
  boost::system::error_code code;
  const auto whole = json::parse(body, code);
  if (code) return;
  const auto* data = whole.as_object().if_contains("data");
  check(data && data->as_array().size() == request->lines.size() + request->dropped);
}

void answers(std::string_view body) {
  const auto request = agents::read_write(body);
  check_error(request);
  if (!request) return;
  for (const auto& answer : request->answers) {
    const auto rows = json::parse(answer.rows);
    for (const auto& row : rows.as_array())
      for (const auto& member : row.as_object()) check(member.value().is_string());
    check(json::parse(answer.stats).is_object());
  }
}

// Members are found as the tree has them (the last of several with one name).
void members(std::string_view body) {
  boost::system::error_code code;
  const auto whole = json::parse(body, code);
  check(!code == agents::is_valid_json(body));
  json::object found;
  const bool is_object = agents::each_member(body, [&](std::string_view name, std::string_view raw) {
    boost::system::error_code failed;
    auto value = json::parse(raw, failed);
    if (!failed) found[name] = std::move(value);
  });
  if (code) return;
  check(is_object == whole.is_object());
  if (is_object) check(found == whole.as_object());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {
    case 0:
      check_error(agents::read_enroll(body, "enroll_secret"));
      break;
    case 1:
      check_error(agents::read_config(body));
      check_error(agents::read_node_key(body));
      break;
    case 2:
      log_lines(body);
      break;
    case 3:
      answers(body);
      break;
    case 4:
      check_error(agents::read_carve_begin(body));
      break;
    case 5:
      check_error(agents::read_carve_block(body));
      break;
    case 6:
      members(body);
      break;
    case 7:
      (void)agents::accepts_gzip(body);
      (void)enrollment::common_name(body);
      break;
    default:
      if (const auto key = enrollment::from_message(body))
        check(enrollment::from_message(enrollment::to_message(*key))->hash == key->hash);
  }
  return 0;
}
