// Carves: files that hosts were asked for, uploaded in blocks. They are kept in the database, so that whichever server
// a host talks to can take its blocks and any can hand the whole out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/db/database.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::carves {

using CarveId = std::int64_t;

struct Start {
  std::uint64_t block_count = 0;
  std::uint64_t block_size = 0;
  std::uint64_t carve_size = 0;
  std::string carve_id;
  std::string request_id;
};

enum class State : std::uint8_t {
  receiving,
  complete,
  abandoned,  // no block came for a day; what there was is gone
};

struct Carve {
  CarveId id = 0;
  hosts::HostId host = 0;
  std::string carve_id;    // the host's own name of it
  std::string request_id;  // of our agents the live query that asked: "live:12"
  State state = State::receiving;
  std::int64_t bytes = 0;
  std::int64_t blocks = 0;
  std::int64_t blocks_received = 0;
  std::string sha256;  // of the whole, once it is
  Timestamp started_at;
  Timestamp changed_at;
  static constexpr std::string_view kTypeName = "Carve";
  static constexpr auto fields() {
    return std::tuple(
        api::field("id", &Carve::id, "Its number."), api::field("host", &Carve::host, "The host's number."),
        api::field("carve_id", &Carve::carve_id, "The host's own name of it: carve_guid in its table carves."),
        api::field("request_id", &Carve::request_id, "What asked for it; live:N is live query N."),
        api::field("state", &Carve::state, "How it stands."), api::field("bytes", &Carve::bytes, "Size of the whole."),
        api::field("blocks", &Carve::blocks, "Blocks of the whole."),
        api::field("blocks_received", &Carve::blocks_received, "Blocks that have come."),
        api::field("sha256", &Carve::sha256, "Checksum of the whole; empty until it is there."),
        api::field("started_at", &Carve::started_at, "When the host announced it."),
        api::field("changed_at", &Carve::changed_at, "When the last block came."));
  }
};

// A request about one carve.
struct OneCarve {
  CarveId carve = 0;
  static constexpr auto fields() { return std::tuple(api::field("carve", &OneCarve::carve, "The carve's number.")); }
};

struct Options {
  std::uint64_t carve_bytes = 1ULL << 30;  // of one carve
  // Of all; the oldest complete ones go first. So much again may be being received, further blocks are refused.
  std::uint64_t all_bytes = 20ULL << 30;
  std::uint64_t block_bytes = 8 << 20;
  std::uint64_t blocks = 1 << 20;  // of one carve
  unsigned open_a_host = 8;        // being received of one host at a time
  std::int64_t keep_ms = 30LL * 86'400'000;
  std::int64_t abandon_ms = 86'400'000;
};

// Thread-safe; waits for the database.
class Carves {
 public:
  virtual ~Carves() = default;
  // The session id, unguessable: blocks of older agents show nothing else. The same carve announced again goes on with
  // the blocks that are there.
  virtual Result<std::string> begin(hosts::HostId host, const Start& start, Timestamp now) = 0;
  // `host`: whose node key came with the block; 0: none did, as of older agents. `data`: its bytes, decoded. Once it
  // returns, the block is durable. The same block again is no error.
  virtual Result<void> block(hosts::HostId host, std::string_view session, std::uint64_t block_id,
                             std::string_view data, Timestamp now) = 0;

  virtual Result<Carve> find(CarveId carve) = 0;
  // Newest first, older than `before`, of a host if one is given.
  virtual Result<std::vector<Carve>> list(std::optional<hosts::HostId> host, CarveId before, std::int64_t limit) = 0;
  // One block of a complete carve.
  virtual Result<std::string> read(CarveId carve, std::int64_t block) = 0;
  virtual Result<void> remove(db::Transaction& transaction, CarveId carve) = 0;
  // What the host is uploading ends, and what there is of it goes: whoever had its node key had the sessions. It may
  // begin anew.
  virtual Result<void> end_sessions(db::Transaction& transaction, hosts::HostId host) = 0;
  // All that the host has sent goes with it.
  virtual Result<void> remove_host(db::Transaction& transaction, hosts::HostId host) = 0;
  // Once a minute: what is too old, too much or abandoned goes, what has all its blocks is completed.
  virtual Result<void> maintain(Timestamp now) = 0;
};

// `database` must outlive it.
std::unique_ptr<Carves> make(db::Database& database, Options options = {});

db::Schema schema();

}  // namespace osprey::server::carves

template <>
struct osprey::server::api::EnumNames<osprey::server::carves::State> {
  using State = carves::State;
  static constexpr std::array kNames{std::pair{State::receiving, std::string_view("receiving")},
                                     std::pair{State::complete, std::string_view("complete")},
                                     std::pair{State::abandoned, std::string_view("abandoned")}};
};
