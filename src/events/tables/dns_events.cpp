#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<DnsEvent>;

std::optional<std::uint64_t> latency(const Row& row) {
  if (!row.event.latency) return std::nullopt;
  return *row.event.latency / 1000;
}

}  // namespace

Table dns_events() {
  return event_table<DnsEvent>("dns_events", "Names that processes asked for, and what they were told.")
      .columns(columns::when)
      .column("pid", row::pid, "Process id.")
      .column("uid", row::uid, "User id.")
      .column("path", row::path, "Executable.")
      .column("query", row::field<&DnsEvent::query>, "The name.")
      .column("type", row::field<&DnsEvent::type>, "Type of record: A, AAAA, TXT…")
      .column("server_address", row::field<&DnsEvent::server_address>, "Who was asked.")
      .column("server_port", row::field<&DnsEvent::server_port>, "On which port.")
      .column("local_port", row::field<&DnsEvent::local_port>, "From which port.")
      .column("protocol", row::field<&DnsEvent::protocol>, "udp or tcp.")
      .column("response_code", row::field<&DnsEvent::response_code>,
              "NOERROR, NXDOMAIN…; empty where only the question was seen.")
      .column(
          "answers", [](const Row& row) { return json_of(row.event.answers); }, "What it was told, as a JSON array.")
      .column("ttl", row::field<&DnsEvent::ttl>, "Seconds that the answers hold, the least of them.")
      .column("latency_us", latency, "Microseconds from question to answer.")
      .column("configured_server", row::field<&DnsEvent::configured>,
              "1 if the host is set up to ask that server, 0 if not; NULL in containers.")
      .columns(columns::attribution)
      .example("SELECT path, query, answers FROM dns_events WHERE response_code = 'NXDOMAIN'")
      .note("What goes over TLS or HTTPS is not seen: the connection is, in socket_events.");
}

}  // namespace osprey::events::tables
