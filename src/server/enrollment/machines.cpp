#include "server/enrollment/machines.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "server/db/bytes.h"

namespace osprey::server::enrollment {
namespace {

using soci::into;
using soci::use;

db::Bytes stored(const Digest& digest) { return {std::string(bytes_of(digest))}; }

// Placeholders that vendors ship by the thousand.
bool is_common_uuid(std::string_view uuid) {
  constexpr std::array<std::string_view, 4> kCommon{
      "03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
      "12345678-1234-5678-90ab-cddeefaabbcc", "10000000-0000-8000-0040-000000000000"};
  std::string digits(uuid);
  std::erase(digits, '-');
  return digits.size() < 8 || digits.find_first_not_of(digits.front()) == digits.npos ||
         std::ranges::find(kCommon, uuid) != kCommon.end();
}

std::string_view detail(const hosts::Details& details, std::string_view table, std::string_view column) {
  const auto row = details.find(table);
  if (row == details.end()) return {};
  const auto value = row->second.find(std::string(column));
  return value == row->second.end() ? std::string_view() : trim(value->second);
}

struct KeyRow {
  static constexpr std::string_view kSelect =
      "SELECT key_hash, host_id, used_at, ends_at, rival_hash, rival_at FROM enrollment_key ";
  db::Bytes hash, rival;
  soci::indicator has_rival = soci::i_null;
  hosts::HostId host = 0;
  std::int64_t used_at = 0, ends_at = 0, rival_at = 0;

  template <class Statement>
  Statement& bind(Statement& statement) {
    statement, into(hash), into(host), into(used_at), into(ends_at), into(rival, has_rival), into(rival_at);
    return statement;
  }
  NodeKey key() const {
    NodeKey made{
        .hash = digest_from(hash.value), .host = host, .used = used_at != 0, .ends_at = ends_at, .rival_at = rival_at};
    if (has_rival == soci::i_ok) made.rival = digest_from(rival.value);
    return made;
  }
};

template <class Bind>
std::vector<NodeKey> keys_where(soci::session& sql, std::string_view where, Bind&& bind) {
  std::vector<NodeKey> keys;
  KeyRow row;
  auto prepared = (sql.prepare << KeyRow::kSelect << where);
  bind(prepared);
  soci::statement statement(row.bind(prepared));
  statement.execute();
  while (statement.fetch()) keys.push_back(row.key());
  return keys;
}

}  // namespace

Machine machine_of(std::string_view identifier, const hosts::Details& details, std::string_view address) {
  Machine machine{.identifier = std::string(identifier),
                  .hardware = to_lower(detail(details, "system_info", "uuid")),
                  .instance = std::string(detail(details, "osquery_info", "instance_id")),
                  .address = std::string(address)};
  if (is_common_uuid(machine.hardware)) machine.hardware.clear();
  return machine;
}

std::optional<KnownMachine> find_machine(soci::session& sql, const Machine& machine) {
  // With both hardware known they must be the same; else the instance, with both known; else the name is all there is.
  constexpr std::string_view kSql =
      "SELECT host_id, blocked_at FROM enrollment_host WHERE identifier = :identifier AND CASE "
      "WHEN hardware <> '' AND :hardware <> '' THEN hardware = :hardware "
      "WHEN instance <> '' AND :instance <> '' THEN instance = :instance ELSE 1 = 1 END "
      "ORDER BY CASE WHEN hardware = :hardware THEN 0 ELSE 1 END, CASE WHEN instance = :instance THEN 0 ELSE 1 END, "
      "CASE WHEN address = :address THEN 0 ELSE 1 END, enrolled_at DESC, host_id DESC LIMIT 1";
  hosts::HostId host = 0;
  std::int64_t blocked_at = 0;
  sql << kSql, use(machine.identifier, "identifier"), use(machine.hardware, "hardware"),
      use(machine.instance, "instance"), use(machine.address, "address"), into(host), into(blocked_at);
  if (!sql.got_data()) return std::nullopt;
  return KnownMachine{.host = host, .blocked = blocked_at != 0};
}

std::optional<hosts::HostId> find_namesake(soci::session& sql, const Machine& machine) {
  hosts::HostId host = 0;
  sql << "SELECT host_id FROM enrollment_host WHERE identifier = :identifier ORDER BY enrolled_at DESC, host_id DESC "
         "LIMIT 1",
      use(machine.identifier), into(host);
  return sql.got_data() ? std::optional<hosts::HostId>(host) : std::nullopt;
}

bool is_hardware_blocked(soci::session& sql, const Machine& machine) {
  if (machine.hardware.empty()) return false;
  std::int64_t hosts = 0;
  sql << "SELECT count(*) FROM enrollment_host WHERE hardware = :hardware AND blocked_at <> 0", use(machine.hardware),
      into(hosts);
  return hosts != 0;
}

void add_machine(soci::session& sql, hosts::HostId host, const Machine& machine, std::int64_t copy, Timestamp now) {
  sql << "INSERT INTO enrollment_host (host_id, identifier, hardware, instance, copy, address, secret_id, enrolled_at) "
         "VALUES (:host, :identifier, :hardware, :instance, :copy, :address, :secret, :at)",
      use(host), use(machine.identifier), use(machine.hardware), use(machine.instance), use(copy), use(machine.address),
      use(machine.secret), use(now.ms);
}

std::int64_t next_copy(soci::session& sql, const Machine& machine) {
  std::int64_t copy = 0;
  sql << "SELECT COALESCE(MAX(copy) + 1, 0) FROM enrollment_host WHERE identifier = :identifier "
         "AND hardware = :hardware AND instance = :instance",
      use(machine.identifier), use(machine.hardware), use(machine.instance), into(copy);
  return copy;
}

void update_machine(soci::session& sql, hosts::HostId host, const Machine& machine, Timestamp now) {
  sql << "UPDATE enrollment_host SET hardware = :hardware, instance = :instance, copy = ("
         "SELECT COALESCE(MAX(other.copy) + 1, 0) FROM enrollment_host other WHERE other.identifier = :identifier "
         "AND other.hardware = :hardware AND other.instance = :instance AND other.host_id <> :host), "
         "address = :address, secret_id = :secret, enrolled_at = :at WHERE host_id = :host",
      use(machine.hardware, "hardware"), use(machine.instance, "instance"), use(machine.identifier, "identifier"),
      use(machine.address, "address"), use(machine.secret, "secret"), use(now.ms, "at"), use(host, "host");
}

void set_blocked(soci::session& sql, hosts::HostId host, std::int64_t blocked_at) {
  sql << "UPDATE enrollment_host SET blocked_at = :at WHERE host_id = :host", use(blocked_at), use(host);
}

std::vector<NodeKey> all_keys(soci::session& sql, Timestamp now) {
  return keys_where(sql, "WHERE ends_at = 0 OR ends_at > :at", [&](auto& prepared) { prepared, use(now.ms); });
}

std::vector<NodeKey> keys_of_host(soci::session& sql, hosts::HostId host) {
  return keys_where(sql, "WHERE host_id = :host", [&](auto& prepared) { prepared, use(host); });
}

std::optional<KeyAndMachine> find_key(soci::session& sql, const Digest& hash) {
  const auto bytes = stored(hash);
  auto keys = keys_where(sql, "WHERE key_hash = :hash", [&](auto& prepared) { prepared, use(bytes); });
  if (keys.empty()) return std::nullopt;
  KeyAndMachine found{.key = keys.front()};
  sql << "SELECT hardware, instance, address, secret_id FROM enrollment_key WHERE key_hash = :hash", use(bytes),
      into(found.machine.hardware), into(found.machine.instance), into(found.machine.address),
      into(found.machine.secret);
  sql << "SELECT identifier FROM enrollment_host WHERE host_id = :host", use(found.key.host),
      into(found.machine.identifier);
  return found;
}

void add_key(soci::session& sql, const NodeKey& key, const Machine& machine, Timestamp now) {
  const auto bytes = stored(key.hash);
  sql << "INSERT INTO enrollment_key (key_hash, host_id, hardware, instance, address, secret_id, enrolled_at) VALUES "
         "(:hash, :host, :hardware, :instance, :address, :secret, :at)",
      use(bytes), use(key.host), use(machine.hardware), use(machine.instance), use(machine.address),
      use(machine.secret), use(now.ms);
}

void update_key(soci::session& sql, const NodeKey& key) {
  const auto bytes = stored(key.hash);
  const auto rival = stored(key.rival.value_or(Digest{}));
  auto has_rival = key.rival ? soci::i_ok : soci::i_null;
  sql << "UPDATE enrollment_key SET host_id = :host, ends_at = :ends, rival_hash = :rival, rival_at = :rival_at WHERE "
         "key_hash = :hash",
      use(key.host), use(key.ends_at), use(rival, has_rival), use(key.rival_at), use(bytes);
}

void set_used(soci::session& sql, const Digest& hash, Timestamp now) {
  const auto bytes = stored(hash);
  sql << "UPDATE enrollment_key SET used_at = :at WHERE key_hash = :hash AND used_at = 0", use(now.ms), use(bytes);
}

bool take_rival(soci::session& sql, const Digest& hash, const Digest& rival) {
  const auto bytes = stored(hash);
  const auto rival_bytes = stored(rival);
  soci::statement statement = (sql.prepare << "UPDATE enrollment_key SET rival_hash = NULL, rival_at = 0, ends_at = 0 "
                                              "WHERE key_hash = :hash AND rival_hash = :rival",
                               use(bytes), use(rival_bytes));
  statement.execute(true);
  return statement.get_affected_rows() == 1;
}

void remove_keys(soci::session& sql, hosts::HostId host) {
  sql << "DELETE FROM enrollment_key WHERE host_id = :host", use(host);
}

void remove_machine(soci::session& sql, hosts::HostId host) {
  sql << "DELETE FROM enrollment_host WHERE host_id = :host", use(host);
}

}  // namespace osprey::server::enrollment
