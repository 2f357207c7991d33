// Enrollment: who may become a host of the fleet, and the node keys that hosts show from then on.
//
// A host that enrols again keeps its HostId: the same identifier on the same machine (hardware UUID; where that is not
// known, osquery's instance id). Its former node key goes on for a while, so that an agent that lost the reply is not
// stranded. If the former key is still used once the new one is in use, there are two machines: the newer becomes a
// host of its own, and the conflict is listed. So is the same identifier on two machines that are both alive, and a
// node key that is used from two addresses to and fro, as by machines that were cloned after they had enrolled: with
// their key revoked, they enrol as the hosts that they are.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/db/schema.h"
#include "server/hosts/hosts.h"
#include "server/services.h"

namespace osprey::server::enrollment {

// What tells hosts apart.
enum class Identifier : unsigned char {
  given,          // host_identifier, as the agent was told to make it
  hardware_uuid,  // system_info.uuid
  instance_id,    // osquery_info.instance_id
};

struct Options {
  Identifier identifier = Identifier::given;  // the given one where the wanted one is missing
  bool certificate_names_host = false;        // the client certificate's common name must be the identifier
  std::chrono::seconds key_grace{900};        // for which a former node key goes on
  // Cool-downs, by this server alone: after so many attempts each further one costs twice the wait of the one before.
  unsigned free_failures = 10;    // an address: different wrong secrets; an address and secret: failures
  unsigned free_enrolments = 10;  // the same host from the same address
  std::chrono::seconds longest_cool_down{600};
  unsigned unknown_keys = 200;  // that the database does not know either, a second; beyond it none is looked up

  // For the line that enrols a host.
  std::string server;       // "fleet.example.org:8443", as hosts reach it
  std::string certificate;  // PEM of those who vouch for the server; empty: the hosts' own know
};

struct Request {
  std::string secret;
  std::string identifier;
  std::string platform_type;
  hosts::Details details;
  std::string address;
  std::string certificate;  // subject (RFC 2253) of the client's, where it has one
};

// Thread-safe.
class Enrollment {
 public:
  virtual ~Enrollment() = default;

  // Waits for the database. The node key, shown once and kept as a hash. An error's text is for the host; its code is
  // api::kForbidden, api::kTooMany (a cool-down), api::kInvalid or one of the database's.
  virtual Result<std::string> enroll(const Request& request, Timestamp now) = 0;

  struct Known {
    hosts::HostId host = 0;  // 0: no node key of ours, or one that was revoked
  };
  // From memory, never waits; none: memory cannot tell, ask look_up() on a worker. Counts as a use of the key, from
  // `address`.
  virtual std::optional<Known> recall(std::string_view node_key, std::string_view address) const = 0;
  // From memory: whether it is a key of the host's now. Does not count as a use.
  virtual bool is_of(std::string_view node_key, hosts::HostId host) const = 0;
  // db::kUnavailable too where more keys come that are none than the database is to be asked for.
  virtual Result<Known> look_up(std::string_view node_key, std::string_view address) = 0;

  // The host's node keys are of no more use. `may_enroll_again`: with a secret, as the host that it was.
  virtual Result<void> revoke(db::Transaction& transaction, hosts::HostId host, bool may_enroll_again,
                              Timestamp now) = 0;

  virtual const Options& options() const = 0;
  // Does now what is otherwise done in the background within a second or two: failures are written, clones told apart.
  virtual void settle() = 0;
};

// Loads all node keys (10,000 hosts in about 0.1 s). `services` (database, hosts, tags and clock are used) outlive
// it.
Result<std::unique_ptr<Enrollment>> open(const Services& services, const Options& options);

// Makes the secret "default" where there has never been one; tells whether it did.
Result<bool> make_default_secret(db::Database& database, Timestamp now);

db::Schema schema();

}  // namespace osprey::server::enrollment

template <>
struct osprey::server::api::EnumNames<osprey::server::enrollment::Identifier> {
  using Identifier = enrollment::Identifier;
  static constexpr std::array kNames{std::pair{Identifier::given, std::string_view("host_identifier")},
                                     std::pair{Identifier::hardware_uuid, std::string_view("hardware_uuid")},
                                     std::pair{Identifier::instance_id, std::string_view("instance_id")}};
};
