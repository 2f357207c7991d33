// Machines: which host an enrolling machine is, as the database has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/db/database.h"
#include "server/enrollment/node_keys.h"
#include "server/hosts/hosts.h"
#include "server/time.h"

namespace osprey::server::enrollment {

struct Machine {
  std::string identifier;
  std::string hardware;  // system_info.uuid in lower case; empty where it is not known or one that many have
  std::string instance;  // osquery_info.instance_id
  std::string address;
  std::int64_t secret = 0;
};

// `identifier` and what the details tell of the machine.
Machine machine_of(std::string_view identifier, const hosts::Details& details, std::string_view address);

struct KnownMachine {
  hosts::HostId host = 0;
  bool blocked = false;
};
// The host that this machine is: that of the same identifier and hardware; where one of them does not know its
// hardware, of the same instance, or of the identifier alone if it tells no instance either. Of several the most alike
// one.
std::optional<KnownMachine> find_machine(soci::session& sql, const Machine& machine);
// The last enrolled of the other hosts with this identifier.
std::optional<hosts::HostId> find_namesake(soci::session& sql, const Machine& machine);
bool is_hardware_blocked(soci::session& sql, const Machine& machine);

// `copy`: 0, or next_copy() for one that is known to differ in nothing; another server's of the same number is a
// duplicate (db::kDuplicate).
void add_machine(soci::session& sql, hosts::HostId host, const Machine& machine, std::int64_t copy, Timestamp now);
std::int64_t next_copy(soci::session& sql, const Machine& machine);
void update_machine(soci::session& sql, hosts::HostId host, const Machine& machine, Timestamp now);
void set_blocked(soci::session& sql, hosts::HostId host, std::int64_t blocked_at);

// Node keys

std::vector<NodeKey> all_keys(soci::session& sql, Timestamp now);
std::vector<NodeKey> keys_of_host(soci::session& sql, hosts::HostId host);
struct KeyAndMachine {
  NodeKey key;
  Machine machine;
};
std::optional<KeyAndMachine> find_key(soci::session& sql, const Digest& hash);
void add_key(soci::session& sql, const NodeKey& key, const Machine& machine, Timestamp now);
// Host, end and rival.
void update_key(soci::session& sql, const NodeKey& key);
void set_used(soci::session& sql, const Digest& hash, Timestamp now);
// False: its rival is not that one (any more).
bool take_rival(soci::session& sql, const Digest& hash, const Digest& rival);
void remove_keys(soci::session& sql, hosts::HostId host);
void remove_machine(soci::session& sql, hosts::HostId host);

}  // namespace osprey::server::enrollment
