#include "fleet/persona.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <functional>
#include <map>

namespace osprey::fleet {
namespace {

// splitmix64: one number from another that shows no pattern.
std::uint64_t scatter(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

struct System {
  const char *name, *platform, *like, *version, *major, *codename, *kernel;
};
constexpr std::array kSystems = {
    System{"Debian GNU/Linux", "debian", "debian", "12 (bookworm)", "12", "bookworm", "6.1.0-28-amd64"},
    System{"Ubuntu", "ubuntu", "debian", "22.04.5 LTS (Jammy Jellyfish)", "22", "jammy", "5.15.0-126-generic"},
    System{"Ubuntu", "ubuntu", "debian", "24.04.1 LTS (Noble Numbat)", "24", "noble", "6.8.0-50-generic"},
    System{"Rocky Linux", "rocky", "rhel", "9.4 (Blue Onyx)", "9", "", "5.14.0-427.el9.x86_64"},
    System{"openEuler", "openEuler", "", "22.03 (LTS-SP4)", "22", "", "5.10.0-216.0.0.oe2203sp4.x86_64"},
    System{"CentOS Linux", "centos", "rhel", "7.9.2009 (Core)", "7", "", "3.10.0-1160.el7.x86_64"},
};
constexpr std::array kRoles = {"web", "web", "web", "api", "api", "db", "cache", "batch", "ci", "log"};

const System& system_of(const Persona& host) { return kSystems[host.random % kSystems.size()]; }

std::string address_of(const Persona& host) {
  return fmt::format("10.{}.{}.{}", host.number / 62'500 % 250, host.number / 250 % 250, host.number % 250 + 1);
}

std::string number(std::uint64_t value) { return std::to_string(value); }

Row os_version(const Persona& host) {
  const System& system = system_of(host);
  return {{"name", system.name},
          {"version", system.version},
          {"major", system.major},
          {"minor", "0"},
          {"patch", "0"},
          {"build", ""},
          {"platform", system.platform},
          {"platform_like", system.like},
          {"codename", system.codename},
          {"arch", "x86_64"}};
}

Row system_info(const Persona& host) {
  const unsigned cores = 2u << (host.random >> 8) % 5;
  return {{"hostname", host.name},
          {"uuid", host.uuid},
          {"cpu_type", "x86_64"},
          {"cpu_subtype", "1"},
          {"cpu_brand", "AMD EPYC 7B13"},
          {"cpu_physical_cores", number(cores / 2)},
          {"cpu_logical_cores", number(cores)},
          {"cpu_sockets", "1"},
          {"physical_memory", number(std::uint64_t{cores} * (2ull << 30))},
          {"hardware_vendor", "QEMU"},
          {"hardware_model", "Standard PC (Q35 + ICH9, 2009)"},
          {"hardware_version", "pc-q35-7.2"},
          {"hardware_serial", fmt::format("S{:012X}", host.random & 0xffffffffffff)},
          {"computer_name", host.name},
          {"local_hostname", host.name.substr(0, host.name.find('.'))}};
}

Row osquery_info(const Persona& host) {
  return {{"pid", number(300 + host.random % 2000)},
          {"uuid", host.uuid},
          {"instance_id", host.uuid},
          {"version", "5.23.0"},
          {"config_hash", ""},
          {"config_valid", "1"},
          {"extensions", "inactive"},
          {"build_platform", "linux"},
          {"build_distro", "centos7"},
          {"start_time", number(static_cast<std::uint64_t>(std::time(nullptr)) - 3600)},
          {"watcher", "-1"},
          {"platform_mask", "9"}};
}

Row platform_info(const Persona&) {
  return {{"vendor", "SeaBIOS"},
          {"version", "1.16.2"},
          {"date", "04/01/2014"},
          {"revision", "0.0"},
          {"firmware_type", "bios"}};
}

Row uptime(const Persona& host) {
  const std::uint64_t seconds = 3'600 + host.random % 8'000'000;
  return {{"days", number(seconds / 86'400)},
          {"hours", number(seconds / 3'600 % 24)},
          {"minutes", number(seconds / 60 % 60)},
          {"seconds", number(seconds % 60)},
          {"total_seconds", number(seconds)}};
}

Row time_now(const Persona&) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  return {{"year", number(utc.tm_year + 1900u)},
          {"month", number(utc.tm_mon + 1u)},
          {"day", number(utc.tm_mday)},
          {"hour", number(utc.tm_hour)},
          {"minutes", number(utc.tm_min)},
          {"seconds", number(utc.tm_sec)},
          {"timezone", "UTC"},
          {"unix_time", number(now)}};
}

Row kernel_info(const Persona& host) {
  return {{"version", system_of(host).kernel},
          {"arguments", "ro quiet"},
          {"path", "/boot/vmlinuz"},
          {"device", "/dev/vda1"}};
}

Row memory_info(const Persona& host) {
  const std::uint64_t total = (host.random % 15 + 1) << 31;
  return {{"memory_total", number(total)},
          {"memory_free", number(total / 4)},
          {"buffers", number(total / 50)},
          {"cached", number(total / 3)},
          {"swap_total", "0"},
          {"swap_free", "0"}};
}

std::vector<Row> users(const Persona&) {
  const auto user = [](const char* uid, const char* name, const char* home, const char* shell) {
    return Row{{"uid", uid},        {"gid", uid},        {"username", name},
               {"description", ""}, {"directory", home}, {"shell", shell}};
  };
  return {user("0", "root", "/root", "/bin/bash"), user("1000", "admin", "/home/admin", "/bin/bash"),
          user("33", "www-data", "/var/www", "/usr/sbin/nologin")};
}

std::vector<Row> interface_addresses(const Persona& host) {
  return {{{"interface", "lo"}, {"address", "127.0.0.1"}, {"mask", "255.0.0.0"}, {"type", "auto"}},
          {{"interface", "eth0"}, {"address", address_of(host)}, {"mask", "255.255.0.0"}, {"type", "dhcp"}}};
}

std::vector<Row> interface_details(const Persona& host) {
  const std::string mac =
      fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", host.number >> 16 & 255, host.number >> 8 & 255, host.number & 255);
  return {{{"interface", "lo"}, {"mac", "00:00:00:00:00:00"}, {"type", "772"}, {"mtu", "65536"}},
          {{"interface", "eth0"}, {"mac", mac}, {"type", "1"}, {"mtu", "1500"}}};
}

std::vector<Row> processes(const Persona& host) {
  std::vector<Row> rows;
  unsigned pid = 1;
  for (const char* name : {"systemd", "systemd-journald", "sshd", "cron", "osqueryd"}) {
    rows.push_back({{"pid", number(pid)},
                    {"name", name},
                    {"path", fmt::format("/usr/sbin/{}", name)},
                    {"cmdline", fmt::format("/usr/sbin/{}", name)},
                    {"state", "S"},
                    {"uid", "0"},
                    {"gid", "0"},
                    {"parent", "1"},
                    {"resident_size", number((host.random >> pid % 32 & 0xffff) << 10)},
                    {"threads", "1"}});
    pid += 97;
  }
  return rows;
}

std::vector<Row> listening_ports(const Persona&) {
  return {{{"pid", "195"}, {"port", "22"}, {"protocol", "6"}, {"family", "2"}, {"address", "0.0.0.0"}},
          {{"pid", "389"}, {"port", "443"}, {"protocol", "6"}, {"family", "2"}, {"address", "0.0.0.0"}}};
}

std::vector<Row> mounts(const Persona&) {
  return {{{"device", "/dev/vda1"},
           {"path", "/"},
           {"type", "ext4"},
           {"flags", "rw,relatime"},
           {"blocks_size", "4096"},
           {"blocks", "10256635"},
           {"blocks_free", "6256635"},
           {"blocks_available", "5800000"}}};
}

std::vector<Row> packages(const Persona& host) {
  std::vector<Row> rows;
  for (const char* name : {"openssl", "bash", "curl", "openssh-server"})
    rows.push_back({{"name", name},
                    {"version", fmt::format("1.{}.{}", host.random % 9, host.random >> 4 & 15)},
                    {"arch", "amd64"},
                    {"source", ""},
                    {"size", "100000"},
                    {"status", "install ok installed"}});
  return rows;
}

std::vector<Row> osquery_flags(const Persona& host) {
  const auto flag = [](const char* name, std::string value) {
    return Row{{"name", name},        {"type", "uint64"},          {"description", ""},
               {"default_value", ""}, {"value", std::move(value)}, {"shell_only", "0"}};
  };
  return {flag("config_refresh", fmt::format("{:.0f}", host.config_interval)),
          flag("distributed_interval", fmt::format("{:.0f}", host.distributed_interval)),
          flag("logger_tls_period", "4"), flag("disable_distributed", "false")};
}

using Maker = std::function<std::vector<Row>(const Persona&)>;

Maker one(Row (*row)(const Persona&)) {
  return [row](const Persona& host) { return std::vector<Row>{row(host)}; };
}

const std::map<std::string_view, Maker>& tables() {
  static const std::map<std::string_view, Maker> all = {
      {"os_version", one(os_version)},
      {"system_info", one(system_info)},
      {"osquery_info", one(osquery_info)},
      {"platform_info", one(platform_info)},
      {"uptime", one(uptime)},
      {"time", one(time_now)},
      {"kernel_info", one(kernel_info)},
      {"memory_info", one(memory_info)},
      {"users", users},
      {"interface_addresses", interface_addresses},
      {"interface_details", interface_details},
      {"processes", processes},
      {"listening_ports", listening_ports},
      {"mounts", mounts},
      {"deb_packages", packages},
      {"osquery_flags", osquery_flags},
  };
  return all;
}

}  // namespace

Persona::Persona(std::uint32_t host, double config, double distributed)
    : number(host), random(scatter(host)), config_interval(config), distributed_interval(distributed) {
  name = fmt::format("{}-{:05}.example.test", kRoles[(random >> 16) % kRoles.size()], host);
  const std::uint64_t more = scatter(random);
  uuid = fmt::format("{:08X}-{:04X}-4{:03X}-8{:03X}-{:012X}", random >> 32, random >> 16 & 0xffff, random & 0xfff,
                     more >> 48 & 0xfff, more & 0xffffffffffff);
}

std::vector<Row> rows_of(const Persona& host, std::string_view table) {
  const auto found = tables().find(table);
  return found == tables().end() ? std::vector<Row>{} : found->second(host);
}

bool has_table(std::string_view table) { return tables().contains(table); }

}  // namespace osprey::fleet
