#include <algorithm>

#include "agent/flags/flags.h"
#include "agent/limits/losses.h"
#include "agent/logging/sink_runner.h"
#include "agent/tables/table.h"
#include "store/store.h"
#include "store/store_directory.h"

namespace osprey::agent::tables {
namespace {

// What of the store is the same for all families.
struct Place {
  std::string directory;
  std::optional<std::int64_t> cap_bytes;
  std::optional<std::int64_t> filesystem_free;
};

struct Row {
  const Place& place;
  store::FamilyUsage usage;
  std::optional<std::int64_t> oldest_time;
  std::int64_t evicted = 0;
  std::int64_t evicted_bytes = 0;

  std::string_view family() const { return store::name_of(usage.family); }
  const std::string& directory() const { return place.directory; }
  std::int64_t keys() const { return static_cast<std::int64_t>(usage.keys); }
  std::int64_t live_bytes() const { return static_cast<std::int64_t>(usage.live_bytes); }
  std::int64_t file_bytes() const { return static_cast<std::int64_t>(usage.file_bytes); }
  std::optional<std::int64_t> cap_bytes() const { return place.cap_bytes; }
  std::optional<std::int64_t> filesystem_free() const { return place.filesystem_free; }
  std::optional<std::int64_t> newest_time() const { return std::nullopt; }
};

Place place_of(const Flags& flags) {
  Place place{.directory = std::string(flags.text("database_path"))};
  if (const auto megabytes = flags.number("disk_limit_mb"); megabytes > 0) place.cap_bytes = megabytes << 20;
  if (const auto free = store::free_bytes(place.directory)) place.filesystem_free = static_cast<std::int64_t>(*free);
  return place;
}

// What only the log buffer knows of its family.
void add_backlog(const Scan& scan, Row& row) {
  if (const auto* sinks = scan.service<SinkRunners>()) {
    for (const auto& sink : sinks->list())
      if (sink.backlog.oldest != 0)
        row.oldest_time = std::min(row.oldest_time.value_or(sink.backlog.oldest), sink.backlog.oldest);
  }
  if (const auto* losses = scan.service<Losses>()) {
    for (const auto& loss : losses->list()) {
      if (loss.stage != "buffer") continue;
      row.evicted += static_cast<std::int64_t>(loss.lost);
      row.evicted_bytes += static_cast<std::int64_t>(loss.lost_bytes);
    }
  }
}

Rows<Row> scan(const Scan& scan) {
  const auto* store = scan.service<store::Store>();
  const auto* flags = scan.service<Flags>();
  if (!store || !flags) co_return;
  const auto place = place_of(*flags);
  for (const auto& usage : store->usage()) {
    Row row{.place = place, .usage = usage};
    if (usage.family == store::Family::lines) add_backlog(scan, row);
    co_yield row;
  }
}

}  // namespace

Table osprey_store() {
  return table("osprey_store", "The agent's database, by family of keys: how large it is and what it had to give up.",
               scan)
      .column("family", &Row::family, "Family of keys; osquery calls it a domain.")
      .column("directory", &Row::directory, "Where the database is.")
      .column("keys", &Row::keys, "Keys, an estimate.")
      .column("live_bytes", &Row::live_bytes, "Bytes of what was not erased or overwritten, an estimate.")
      .column("file_bytes", &Row::file_bytes, "Bytes of its files.")
      .column("cap_bytes", &Row::cap_bytes, "Cap on the whole directory (--disk_limit_mb); NULL if there is none.")
      .column("oldest_time", &Row::oldest_time,
              "When its oldest record was made, Unix seconds; NULL where none is told.")
      .column("newest_time", &Row::newest_time, "When its newest record was made; NULL where that is not known.")
      .column("evicted", &Row::evicted, "Lines given up for want of room, once for each sink that had not taken them.")
      .column("evicted_bytes", &Row::evicted_bytes, "Their bytes.")
      .column("filesystem_free", &Row::filesystem_free, "Bytes free on the filesystem of the directory.")
      .utility()
      .example("SELECT family, live_bytes, file_bytes, evicted FROM osprey_store")
      .note(
          "Rows come from the running agent; the shell has none. `osprey store` looks into the database from outside.");
}

}  // namespace osprey::agent::tables
