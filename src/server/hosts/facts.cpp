#include "server/hosts/facts.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "sql/functions/network.h"
#include "sql/functions/version.h"

namespace osprey::server::hosts {
namespace {

namespace json = boost::json;

constexpr TextFact kTextFacts[] = {
    {"identifier", &Host::identifier, "", "", "What the host gave as its identifier when it enrolled."},
    {"name", &Host::name, "system_info", "hostname", "The host's name, else its identifier."},
    {"platform", &Host::platform, "os_version", "platform", "The distribution's short name: debian, ubuntu, rhel."},
    {"version", &Host::version, "osquery_info", "version", "The agent's version.", Order::version},
    {"uuid", &Host::uuid, "system_info", "uuid", "The hardware's UUID."},
    {"instance", &Host::instance, "osquery_info", "instance_id", "UUID of the agent's database."},
    {"os", &Host::os, "os_version", "name", "The distribution's name."},
    {"os_version", &Host::os_version, "os_version", "version", "The distribution's version.", Order::version},
    {"platform_like", &Host::platform_like, "os_version", "platform_like", "What the distribution is made of."},
    {"arch", &Host::arch, "system_info", "cpu_type", "The machine, as uname(1) has it: x86_64."},
    {"kernel", &Host::kernel, "kernel_info", "version", "The kernel's release.", Order::version},
    {"vendor", &Host::vendor, "system_info", "hardware_vendor", "Who made the hardware."},
    {"model", &Host::model, "system_info", "hardware_model", "The hardware's model."},
    {"serial", &Host::serial, "system_info", "hardware_serial", "The hardware's serial number."},
    {"cpu", &Host::cpu, "system_info", "cpu_brand", "The processor's name."},
    {"address", &Host::address, "", "", "The address that the host was last seen from.", Order::address},
};

constexpr NumberFact kNumberFacts[] = {
    {"cpus", &Host::cpus, "system_info", "cpu_logical_cores", "Hardware threads."},
    {"memory", &Host::memory, "system_info", "physical_memory", "Bytes of memory."},
    {"promise", &Host::promise, "", "", "Seconds within which the host's own intervals make it speak."},
};

// Some firmware pads its texts with NULs and blanks.
std::string fact_of(std::string_view text) {
  text = trim(text.substr(0, text.find('\0')));
  if (text.size() > kMostFact) {
    auto end = kMostFact;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  return std::string(text);
}

std::string text_of(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (value.is_null()) return "";
  return json::serialize(value);
}

std::optional<Row> row_of(const json::value& value) {
  const auto* object = value.if_object();
  if (!object || object->size() > kMostColumns) return std::nullopt;
  Row row;
  for (const auto& member : *object) {
    if (member.value().is_structured()) return std::nullopt;
    row.insert_or_assign(std::string(member.key()), text_of(member.value()));
  }
  return row;
}

}  // namespace

std::span<const TextFact> text_facts() { return kTextFacts; }
std::span<const NumberFact> number_facts() { return kNumberFacts; }

int compare(Order order, std::string_view a, std::string_view b) noexcept {
  if (order == Order::version) return sql::compare_versions(a, b, sql::VersionFlavour::generic);
  if (order == Order::address) {
    const auto left = sql::IpAddress::parse(a);
    const auto right = sql::IpAddress::parse(b);
    if (left && right) return *left < *right ? -1 : *right < *left ? 1 : 0;
  }
  return a.compare(b);
}

void take_over(Host& host, std::string_view table, const Row& row) {
  for (const auto& fact : kTextFacts) {
    if (fact.table != table) continue;
    if (const auto column = row.find(std::string(fact.column)); column != row.end())
      host.*fact.member = fact_of(column->second);
  }
  for (const auto& fact : kNumberFacts) {
    if (fact.table != table) continue;
    if (const auto column = row.find(std::string(fact.column)); column != row.end())
      host.*fact.member = std::max<std::int64_t>(0, parse<std::int64_t>(trim(column->second)).value_or(0));
  }
  if (host.name.empty()) host.name = host.identifier;
}

std::optional<std::int64_t> promise_of(const Row& flags) {
  const auto value = [&](std::string_view name) -> std::string_view {
    const auto flag = flags.find(std::string(name));
    return flag == flags.end() ? std::string_view() : std::string_view(flag->second);
  };
  const auto is_true = [](std::string_view text) {
    return text == "true" || text == "1" || text == "t" || text == "yes";
  };
  constexpr std::int64_t kMost = 365 * 86400;  // sums with times stay far from any limit
  std::optional<std::int64_t> promise;
  const auto promises = [&](std::string_view flag) {
    const auto seconds = parse<std::int64_t>(value(flag));
    if (seconds && *seconds > 0) promise = std::min({promise.value_or(kMost), *seconds, kMost});
  };
  const auto is_remote = [&](std::string_view plugin) { return value(plugin).empty() || value(plugin) == "tls"; };
  if (!is_true(value("disable_distributed")) && is_remote("distributed_plugin")) promises("distributed_interval");
  if (is_remote("config_plugin")) promises("config_refresh");
  return promise;
}

Result<std::vector<Row>> parse_rows(std::string_view text) {
  boost::system::error_code failed;
  const auto value = json::parse(text, failed);
  if (failed) return failure("rows", "are not JSON: " + failed.message());
  const auto* list = value.if_array();
  if (!list) return failure("rows", "are not an array");
  if (list->size() > kMostRows) return failure("rows", "are more than " + std::to_string(kMostRows));
  std::vector<Row> rows;
  rows.reserve(list->size());
  for (const auto& item : *list) {
    auto row = row_of(item);
    if (!row) return failure("rows", "have one that is not an object of texts");
    rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace osprey::server::hosts
