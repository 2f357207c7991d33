#include <fmt/format.h>
#include <openssl/evp.h>
#include <soci/soci.h>

#include "base/text.h"
#include "server/api/problem.h"
#include "server/carves/carves.h"
#include "server/db/bytes.h"
#include "server/db/row.h"
#include "server/secret.h"

namespace osprey::server::carves {
namespace {

constexpr db::Migration kMigrations[] = {{R"sql(
CREATE TABLE carves (
  id {id},
  host_id BIGINT NOT NULL,
  carve_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  session TEXT NOT NULL,
  state SMALLINT NOT NULL,
  bytes BIGINT NOT NULL,
  block_size BIGINT NOT NULL,
  blocks BIGINT NOT NULL,
  blocks_received BIGINT NOT NULL DEFAULT 0,
  sha256 TEXT NOT NULL DEFAULT '',
  started_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  UNIQUE (host_id, carve_id)
);
CREATE UNIQUE INDEX carves_session ON carves (session);
CREATE TABLE carves_blocks (
  carve BIGINT NOT NULL REFERENCES carves (id) ON DELETE CASCADE,
  block BIGINT NOT NULL,
  data {bytes} NOT NULL,
  PRIMARY KEY (carve, block)
);
)sql"}};

constexpr const char* kColumns =
    "id, host_id, carve_id, request_id, state, bytes, blocks, blocks_received, sha256, started_at, changed_at";
constexpr std::size_t kLongestName = 200;

Carve carve_of(const soci::row& row) {
  return {.id = db::whole(row, 0),
          .host = db::whole(row, 1),
          .carve_id = db::text(row, 2),
          .request_id = db::text(row, 3),
          .state = static_cast<State>(db::whole(row, 4)),
          .bytes = db::whole(row, 5),
          .blocks = db::whole(row, 6),
          .blocks_received = db::whole(row, 7),
          .sha256 = db::text(row, 8),
          .started_at = {db::whole(row, 9)},
          .changed_at = {db::whole(row, 10)}};
}

// A carve that is being received.
struct Open {
  CarveId id = 0;
  State state = State::receiving;
  std::int64_t bytes = 0;
  std::int64_t block_size = 0;
  std::int64_t blocks = 0;
  std::int64_t received = 0;

  std::int64_t size_of(std::int64_t block) const {
    return block + 1 < blocks ? block_size : bytes - block_size * (blocks - 1);
  }
};

class Service final : public Carves {
 public:
  Service(db::Database& database, const Options& options) : database_(database), options_(options) {}

  Result<std::string> begin(hosts::HostId host, const Start& start, Timestamp now) override {
    TRY(possible(start));
    auto session = random_secret();
    TRY(database_.write(
        [&](db::Transaction& transaction) { return open(transaction, host, start, sha256_hex(session), now); }));
    return session;
  }

  Result<void> block(hosts::HostId host, std::string_view session, std::uint64_t block_id, std::string_view data,
                     Timestamp now) override {
    const auto key = sha256_hex(session);
    auto taken = database_.write([&](db::Transaction& transaction) -> Result<std::optional<Open>> {
      const auto carve = TRY(opened(transaction.sql(), host, key));
      return take(transaction.sql(), carve, block_id, data, now);
    });
    if (!taken) return std::unexpected(std::move(taken.error()));
    if (*taken) TRY(complete(**taken));
    return {};
  }

  Result<Carve> find(CarveId carve) override {
    auto found = TRY(select(carve, carve, 0, 1));
    if (found.empty()) return api::problem(api::kNotFound, fmt::format("carve {}", carve), "there is none");
    return std::move(found.front());
  }

  Result<std::vector<Carve>> list(std::optional<hosts::HostId> host, CarveId before, std::int64_t limit) override {
    return select(0, before - 1, host.value_or(0), limit);
  }

  Result<std::string> read(CarveId carve, std::int64_t block) override {
    const auto data = TRY(database_.read([&](soci::session& sql) { return block_of(sql, carve, block); }));
    if (!data)
      return api::problem(api::kGone, fmt::format("carve {}", carve), fmt::format("block {} is not there", block));
    return *data;
  }

  Result<void> remove(db::Transaction& transaction, CarveId carve) override {
    CarveId found = 0;
    transaction.sql() << "DELETE FROM carves WHERE id = :id RETURNING id", soci::use(carve), soci::into(found);
    if (found == 0) return api::problem(api::kNotFound, fmt::format("carve {}", carve), "there is none");
    return {};
  }

  Result<void> end_sessions(db::Transaction& transaction, hosts::HostId host) override {
    auto& sql = transaction.sql();
    sql << "DELETE FROM carves_blocks WHERE carve IN (SELECT id FROM carves WHERE host_id = :host AND state = 0)",
        soci::use(host);
    // No digest has a blank in it.
    sql << "UPDATE carves SET session = 'ended ' || CAST(id AS TEXT), blocks_received = 0 "
           "WHERE host_id = :host AND state = 0",
        soci::use(host);
    return {};
  }

  Result<void> remove_host(db::Transaction& transaction, hosts::HostId host) override {
    transaction.sql() << "DELETE FROM carves WHERE host_id = :host", soci::use(host);
    return {};
  }

  Result<void> maintain(Timestamp now) override {
    TRY(complete_what_is_whole(now));
    const auto abandoned = now.ms - options_.abandon_ms;
    const auto old = now.ms - options_.keep_ms;
    TRY(database_.write([&](db::Transaction& transaction) -> Result<void> {
      auto& sql = transaction.sql();
      sql << "DELETE FROM carves WHERE state > 0 AND changed_at < :old", soci::use(old);
      sql << "DELETE FROM carves_blocks WHERE carve IN (SELECT id FROM carves WHERE state = 0 AND changed_at < :then)",
          soci::use(abandoned);
      sql << "UPDATE carves SET state = 2, bytes = 0 WHERE state = 0 AND changed_at < :then", soci::use(abandoned);
      return {};
    }));
    return make_room();
  }

 private:
  Result<void> possible(const Start& start) const {
    const auto wrong = [](std::string what) { return api::problem(api::kInvalid, "carve", std::move(what)); };
    if (start.block_size == 0 || start.block_size > options_.block_bytes)
      return wrong(fmt::format("block_size must be 1 to {}", options_.block_bytes));
    if (start.block_count == 0 || start.block_count > options_.blocks)
      return wrong(fmt::format("block_count must be 1 to {}", options_.blocks));
    if (start.carve_size > options_.carve_bytes)
      return wrong(fmt::format("at most {} bytes are taken", options_.carve_bytes));
    if (start.carve_size > start.block_count * start.block_size ||
        start.carve_size <= (start.block_count - 1) * start.block_size)
      return wrong("carve_size is not that of so many blocks");
    if (start.carve_id.empty() || start.carve_id.size() > kLongestName || start.request_id.size() > kLongestName)
      return wrong(fmt::format("carve_id and request_id have at most {} bytes, and carve_id some", kLongestName));
    return {};
  }

  Result<void> open(db::Transaction& transaction, hosts::HostId host, const Start& start, const std::string& session,
                    Timestamp now) const {
    auto& sql = transaction.sql();
    const auto bytes = static_cast<std::int64_t>(start.carve_size);
    const auto block_size = static_cast<std::int64_t>(start.block_size);
    const auto blocks = static_cast<std::int64_t>(start.block_count);
    CarveId again = 0;
    sql << "UPDATE carves SET session = :session, changed_at = :at WHERE host_id = :host AND carve_id = :carve "
           "AND state = 0 AND bytes = :bytes AND block_size = :size AND blocks = :blocks RETURNING id",
        soci::use(session), soci::use(now.ms), soci::use(host), soci::use(start.carve_id), soci::use(bytes),
        soci::use(block_size), soci::use(blocks), soci::into(again);
    if (again != 0) return {};
    std::int64_t complete = 0;
    sql << "SELECT count(*) FROM carves WHERE host_id = :host AND carve_id = :carve AND state = 1", soci::use(host),
        soci::use(start.carve_id), soci::into(complete);
    if (complete != 0) return api::problem(api::kConflict, "carve", "is complete already");
    // Given up, or of another size by now.
    sql << "DELETE FROM carves WHERE host_id = :host AND carve_id = :carve", soci::use(host), soci::use(start.carve_id);
    std::int64_t open = 0;
    sql << "SELECT count(*) FROM carves WHERE host_id = :host AND state = 0", soci::use(host), soci::into(open);
    if (open >= options_.open_a_host)
      return api::problem(api::kTooMany, "carve", fmt::format("{} of this host are being received already", open));
    sql << "INSERT INTO carves (host_id, carve_id, request_id, session, state, bytes, block_size, blocks, started_at, "
           "changed_at) VALUES (:host, :carve, :request, :session, 0, :bytes, :size, :blocks, :at, :at2)",
        soci::use(host), soci::use(start.carve_id), soci::use(start.request_id), soci::use(session), soci::use(bytes),
        soci::use(block_size), soci::use(blocks), soci::use(now.ms), soci::use(now.ms);
    return {};
  }

  static std::vector<Open> open_ones(const soci::rowset<soci::row>& rows) {
    std::vector<Open> found;
    for (const auto& row : rows)
      found.push_back({db::whole(row, 0), static_cast<State>(db::whole(row, 1)), db::whole(row, 2), db::whole(row, 3),
                       db::whole(row, 4), db::whole(row, 5)});
    return found;
  }

  // A session of another host's is none.
  static Result<Open> opened(soci::session& sql, hosts::HostId host, const std::string& session) {
    const auto found =
        open_ones((sql.prepare << "SELECT id, state, bytes, block_size, blocks, blocks_received FROM carves "
                                  "WHERE session = :session AND (host_id = :host OR :any = 0)",
                   soci::use(session), soci::use(host), soci::use(host)));
    if (found.empty()) return api::problem(api::kForbidden, "carve", "no such session");
    return found.front();
  }

  bool is_full(soci::session& sql) const {
    std::int64_t bytes = 0;
    sql << "SELECT CAST(coalesce(sum(blocks_received * block_size), 0) AS bigint) FROM carves WHERE state = 0",
        soci::into(bytes);
    return bytes >= static_cast<std::int64_t>(options_.all_bytes);
  }

  // The carve, if all its blocks are there.
  Result<std::optional<Open>> take(soci::session& sql, const Open& carve, std::uint64_t block_id, std::string_view data,
                                   Timestamp now) const {
    if (carve.state == State::complete) return std::nullopt;  // sent again: its reply was lost
    if (carve.state == State::abandoned) return api::problem(api::kGone, "carve", "was given up; begin again");
    if (block_id >= static_cast<std::uint64_t>(carve.blocks))
      return api::problem(api::kInvalid, "block_id", fmt::format("blocks are numbered 0 to {}", carve.blocks - 1));
    const auto block = static_cast<std::int64_t>(block_id);
    if (static_cast<std::int64_t>(data.size()) != carve.size_of(block))
      return api::problem(api::kInvalid, "data",
                          fmt::format("block {} has {} bytes, {} came", block, carve.size_of(block), data.size()));
    if (is_full(sql)) return api::problem(api::kTooMany, "carve", "too much is being received; send it again later");
    const db::Bytes bytes{std::string(data)};
    std::int64_t stored = -1;
    sql << "INSERT INTO carves_blocks (carve, block, data) VALUES (:id, :block, :data) ON CONFLICT DO NOTHING "
           "RETURNING block",
        soci::use(carve.id), soci::use(block), soci::use(bytes), soci::into(stored);
    // Sent again; was it the last, its reply may have been lost before the carve was complete.
    if (stored < 0) return carve.received == carve.blocks ? std::optional(carve) : std::nullopt;
    std::int64_t received = 0;
    sql << "UPDATE carves SET blocks_received = blocks_received + 1, changed_at = :at WHERE id = :id "
           "RETURNING blocks_received",
        soci::use(now.ms), soci::use(carve.id), soci::into(received);
    return received == carve.blocks ? std::optional(carve) : std::nullopt;
  }

  // Checksum of the whole, block by block.
  Result<void> complete(const Open& carve) {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    for (std::int64_t i = 0; i < carve.blocks; ++i) {
      const auto data = TRY(read(carve.id, i));
      EVP_DigestUpdate(context.get(), data.data(), data.size());
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    const auto sum = hex({reinterpret_cast<const char*>(digest), size});
    return database_.write([&](db::Transaction& transaction) -> Result<void> {
      transaction.sql() << "UPDATE carves SET state = 1, sha256 = :sum WHERE id = :id AND state = 0", soci::use(sum),
          soci::use(carve.id);
      return {};
    });
  }

  // A server that ends between the last block and the checksum leaves such; no host comes back for it.
  Result<void> complete_what_is_whole(Timestamp now) {
    constexpr std::int64_t kPatienceMs = 60'000;  // with who is at it
    const auto before = now.ms - kPatienceMs;
    const auto whole = TRY(database_.read([&](soci::session& sql) {
      return open_ones((sql.prepare << "SELECT id, state, bytes, block_size, blocks, blocks_received FROM carves "
                                       "WHERE state = 0 AND blocks_received = blocks AND changed_at < :before",
                        soci::use(before)));
    }));
    for (const auto& carve : whole) TRY(complete(carve));
    return {};
  }

  static std::optional<std::string> block_of(soci::session& sql, CarveId carve, std::int64_t block) {
    db::Bytes data;
    soci::indicator there = soci::i_null;
    sql << "SELECT data FROM carves_blocks WHERE carve = :id AND block = :block", soci::use(carve), soci::use(block),
        soci::into(data, there);
    if (!sql.got_data()) return std::nullopt;
    return std::move(data.value);
  }

  // Numbered `from` to `to`, the newest first; of every host, where it is 0.
  Result<std::vector<Carve>> select(CarveId from, CarveId to, hosts::HostId host, std::int64_t limit) {
    return database_.read([&](soci::session& sql) {
      std::vector<Carve> carves;
      const soci::rowset<soci::row> rows =
          (sql.prepare << "SELECT " << kColumns
                       << " FROM carves WHERE id >= :least AND id <= :most AND (host_id = :host OR :every = 0) "
                          "ORDER BY id DESC LIMIT :count",
           soci::use(from), soci::use(to), soci::use(host), soci::use(host), soci::use(limit));
      for (const auto& row : rows) carves.push_back(carve_of(row));
      return carves;
    });
  }

  // The oldest complete ones go until the rest is within bounds.
  Result<void> make_room() {
    return database_.write([&](db::Transaction& transaction) -> Result<void> {
      auto& sql = transaction.sql();
      std::int64_t bytes = 0;
      // What is only announced takes no room: it would push out what is there.
      sql << "SELECT CAST(coalesce(sum(CASE state WHEN 1 THEN bytes ELSE 0 END), 0) AS bigint) FROM carves",
          soci::into(bytes);
      const auto most = static_cast<std::int64_t>(options_.all_bytes);
      while (bytes > most) {
        std::int64_t gone = -1;
        sql << "DELETE FROM carves WHERE id = (SELECT min(id) FROM carves WHERE state = 1) RETURNING bytes",
            soci::into(gone);
        if (gone < 0) break;
        bytes -= gone;
      }
      return {};
    });
  }

  db::Database& database_;
  const Options options_;
};

}  // namespace

db::Schema schema() { return {"carves", kMigrations}; }

std::unique_ptr<Carves> make(db::Database& database, Options options) {
  return std::make_unique<Service>(database, options);
}

}  // namespace osprey::server::carves
