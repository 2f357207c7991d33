#include "server/hosts/detail_queries.h"

#include <algorithm>

namespace osprey::server::hosts {
namespace {

// Tables and columns that every osquery of the last years has. Times and sizes are rounded, so that an answer is the
// same, and nothing is written, as long as nothing worth telling has changed. Times are by the host's own clock.
constexpr DetailQuery kQueries[] = {
    {"os_version", "SELECT * FROM os_version", "The operating system."},
    {"osquery_info", "SELECT * FROM osquery_info", "The agent: version, configuration, start."},
    {"system_info", "SELECT * FROM system_info", "Names and hardware."},
    {"kernel_info", "SELECT version, arguments FROM kernel_info", "The kernel that runs."},
    {"interface_addresses",
     "SELECT a.interface, a.address, a.mask, d.mac FROM interface_addresses a JOIN interface_details d"
     " ON d.interface = a.interface WHERE a.interface <> 'lo' ORDER BY a.interface, a.address LIMIT 200",
     "Addresses of the host's interfaces."},
    {"boot", "SELECT (t.unix_time - u.total_seconds + 150) / 300 * 300 AS booted FROM uptime u, time t",
     "When the host started, to five minutes."},
    {"disks",
     "SELECT path, device, type, round(1.0 * blocks * blocks_size / 1073741824, 1) AS gib,"
     " CAST(round(100.0 * blocks_available / blocks) AS INTEGER) AS free_percent FROM mounts"
     " WHERE device LIKE '/dev/%' AND blocks > 0 ORDER BY path LIMIT 100",
     "Local filesystems and their free space."},
    {"users", "SELECT DISTINCT user, tty, host FROM logged_in_users WHERE type = 'user' ORDER BY user, tty LIMIT 100",
     "Who is logged in."},
    {"osquery_flags",
     "SELECT name, value FROM osquery_flags WHERE name IN ('config_plugin', 'config_refresh', 'disable_carver',"
     " 'disable_distributed', 'disable_events', 'distributed_interval', 'distributed_plugin', 'host_identifier',"
     " 'logger_plugin', 'logger_tls_period', 'watchdog_level') ORDER BY name",
     "The agent's flags by which the server knows what to expect of it."},
    {"osquery_schedule",
     "SELECT s.name, s.interval, s.executions, s.last_executed, s.denylisted, s.wall_time, s.user_time, s.system_time,"
     " s.average_memory, s.output_size, i.start_time, t.unix_time AS now"
     " FROM osquery_schedule s, osquery_info i, time t ORDER BY s.name LIMIT 500",
     "The scheduled queries and what they cost."},
    {"osprey_losses", "SELECT source, stage, reason, lost, first_time, last_time FROM osprey_losses LIMIT 200",
     "What the agent had to drop.",
     "SELECT 1 FROM osquery_registry WHERE registry = 'table' AND name = 'osprey_losses'"},
};

}  // namespace

std::span<const DetailQuery> detail_queries() { return kQueries; }

const DetailQuery* detail_query(std::string_view name) {
  const auto found = std::ranges::find(detail_queries(), name, &DetailQuery::name);
  return found == detail_queries().end() ? nullptr : &*found;
}

}  // namespace osprey::server::hosts
