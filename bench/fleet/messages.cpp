#include "fleet/messages.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <new>

#include "base/json.h"
#include "fleet/answers.h"
#include "protocol/held_read.h"
#include "protocol/result_line.h"

namespace osprey::fleet {
namespace {

void append_row(std::string& out, const Row& row) {
  out += '{';
  for (const auto& [name, value] : row) {
    if (out.back() != '{') out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Begins a member of an object's text.
void append_name(std::string& object, std::string_view name) {
  if (!object.empty()) object += ',';
  append_json_string(object, name);
  object += ':';
}

constexpr std::array kPrograms = {"bash", "sshd", "cron",      "python3", "nginx",
                                  "curl", "git",  "systemctl", "apt-get", "rsync"};

}  // namespace

std::string http_request(const RequestHead& head, std::string_view body) {
  std::string out;
  out.reserve(400 + body.size());
  const auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "POST {} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                 "User-Agent: osquery/5.23.0\r\n",
                 head.target);
  if (!head.node_key.empty()) fmt::format_to(to, "Authorization: NodeKey {}\r\n", head.node_key);
  if (head.hold) fmt::format_to(to, "{}: {}\r\n", protocol::kHeldReadHeader, head.hold);
  if (head.gzip) out += "Content-Encoding: gzip\r\n";
  fmt::format_to(to, "Host: {}\r\nContent-Length: {}\r\n\r\n", head.host, body.size());
  out += body;
  return out;
}

std::string enroll_body(const Persona& host, std::string_view secret) {
  std::string details;
  for (const std::string_view table : {"os_version", "osquery_info", "platform_info", "system_info"}) {
    append_name(details, table);
    append_row(details, rows_of(host, table).front());
  }
  return fmt::format(R"({{"enroll_secret":{},"host_identifier":{},"platform_type":"9","host_details":{{{}}}}})",
                     quoted(secret), quoted(host.name), details);
}

std::string config_body(std::string_view node_key, std::string_view etag) {
  return fmt::format(R"({{"node_key":{},"etag":{}}})", quoted(node_key), quoted(etag));
}

std::string read_body(std::string_view node_key) { return fmt::format(R"({{"node_key":{}}})", quoted(node_key)); }

std::string log_body(const Persona& host, std::string_view node_key, LineRange lines, std::uint32_t line_bytes) {
  const std::time_t now = std::time(nullptr);
  const std::string before = fmt::format(
      R"({{"name":"pack/fleet/process_events","hostIdentifier":{},"calendarTime":"{}","unixTime":{},"epoch":0,)"
      R"("counter":1,"numerics":false,"columns":{{"sequence":")",
      quoted(host.name), protocol::calendar_time(now), now);
  std::string out = R"({"data":[)";
  out.reserve(200 + lines.count * (line_bytes + std::size_t{400}));
  const auto to = std::back_inserter(out);
  for (std::uint32_t i = 0; i < lines.count; ++i) {
    const std::uint64_t number = lines.first + i;
    if (i) out += ',';
    const std::size_t from = out.size();
    out += before;
    fmt::format_to(to, R"({}","pid":"{}","uid":"{}","path":"/usr/bin/{}","cmdline":")", number, number * 7919 % 32'768,
                   number % 5 * 1000, kPrograms[number * 31 % kPrograms.size()]);
    // Words that differ from line to line, as command lines do.
    std::uint64_t word = number * 0x9e3779b97f4a7c15;
    while (out.size() - from + 20 < line_bytes) {
      fmt::format_to(to, "--{:x} ", word >> 24 & 0xffffffff);
      word = word * 6364136223846793005 + 1442695040888963407;
    }
    out += R"("},"action":"added"})";
  }
  fmt::format_to(to, R"(],"log_type":"result","node_key":{}}})", quoted(node_key));
  return out;
}

bool WriteBody::add(std::string_view id, std::string_view sql) {
  const Answer answer = answer_to(host_, sql);
  append_name(queries_, id);
  queries_ += '[';
  for (const Row& row : answer.rows) {
    if (queries_.back() != '[') queries_ += ',';
    append_row(queries_, row);
  }
  queries_ += ']';
  append_name(statuses_, id);
  statuses_ += answer.failed.empty() ? '0' : '1';
  append_name(messages_, id);
  append_json_string(messages_, answer.failed);
  append_name(stats_, id);
  stats_ += fmt::format(R"({{"wall_time_ms":{},"user_time":{},"system_time":1,"memory":{}}})", host_.random % 40 + 1,
                        host_.random % 20, host_.random % 64 * 4096);
  return answer.carves;
}

std::string WriteBody::finish(std::string_view node_key) const {
  return fmt::format(R"({{"queries":{{{}}},"statuses":{{{}}},"messages":{{{}}},"stats":{{{}}},"node_key":{}}})",
                     queries_, statuses_, messages_, stats_, quoted(node_key));
}

std::string carve_begin_body(const Carve& carve, std::string_view node_key) {
  return fmt::format(
      R"({{"block_count":{},"block_size":{},"carve_size":{},"carve_id":"{}","request_id":"{}","node_key":{}}})",
      carve.blocks(), Carve::kBlockBytes, carve.bytes, carve.id, carve.id, quoted(node_key));
}

std::string carve_block_body(const Carve& carve) {
  const std::uint32_t from = carve.next * Carve::kBlockBytes;
  std::string block(std::min(Carve::kBlockBytes, carve.bytes - from), static_cast<char>('a' + carve.next % 26));
  std::string data(block.size() / 3 * 4 + 5, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(data.data()),
                      reinterpret_cast<const unsigned char*>(block.data()), static_cast<int>(block.size()));
  data.resize(static_cast<std::size_t>(length));
  return fmt::format(R"({{"block_id":{},"session_id":{},"request_id":"{}","data":"{}"}})", carve.next,
                     quoted(carve.session), carve.id, data);
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace osprey::fleet
