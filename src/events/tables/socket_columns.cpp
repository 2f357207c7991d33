#include "events/tables/socket_columns.h"

#include "sql/functions/network.h"

namespace osprey::events::tables::columns {
namespace {

using Row = EventRow<SocketEvent>;

// Version 1, of what has two sides; else empty.
std::string community_id_of(const Row& row) {
  const auto& event = row.event;
  const auto local = sql::IpAddress::parse(event.local_address);
  const auto remote = sql::IpAddress::parse(event.remote_address);
  if (!local || !remote || !event.local_port || !event.remote_port || event.protocol <= 0) return {};
  return sql::community_id({.source = *local,
                            .destination = *remote,
                            .source_port = *event.local_port,
                            .destination_port = *event.remote_port,
                            .protocol = static_cast<std::uint8_t>(event.protocol)},
                           0)
      .value_or("");
}

}  // namespace

SocketTable&& socket_descriptor(SocketTable&& table) {
  return std::move(table).column(
      "fd", TEXT, [](const Row& row) { return number_text(row.event.descriptor); }, "File descriptor of the socket.");
}

SocketTable&& address_family(SocketTable&& table) {
  return std::move(table).column("family", INTEGER, row::field<&SocketEvent::family>,
                                 "Address family: 1 Unix, 2 IPv4, 10 IPv6.");
}

SocketTable&& addresses(SocketTable&& table) {
  return std::move(table)
      .column("local_address", TEXT, row::field<&SocketEvent::local_address>, "Address on this host.")
      .column("remote_address", TEXT, row::field<&SocketEvent::remote_address>, "Address of the other side.")
      .column("local_port", INTEGER, row::field<&SocketEvent::local_port>, "Port on this host.")
      .column("remote_port", INTEGER, row::field<&SocketEvent::remote_port>, "Port of the other side.");
}

SocketTable&& community_id(SocketTable&& table) {
  return std::move(table).column("community_id", community_id_of,
                                 "The connection's Community ID, as network sensors tell it.", HIDDEN);
}

}  // namespace osprey::events::tables::columns
