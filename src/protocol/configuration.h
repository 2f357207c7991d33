// The configuration's format (compat section 3): one document as it was written. What a host makes of several documents
// is agent/config's business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/status_line.h"

namespace osprey::protocol {

// A query of the schedule or of a pack.
struct Query {
  std::string name;  // as written, without the pack's prefix
  std::string sql;
  std::optional<std::uint64_t> interval;  // seconds, 1 to 604800; absent: --schedule_default_interval
  bool snapshot = false;
  bool removed = true;
  bool denylist = true;  // false: may run although denylisted
  std::string platform;
  std::string version;
  std::optional<unsigned> shard;  // 1 to 100
  std::optional<std::uint64_t> startup_priority;

  bool operator==(const Query&) const = default;
};

struct Decorators {
  std::vector<std::string> load;
  std::vector<std::string> always;
  std::map<std::uint64_t, std::vector<std::string>> interval;  // seconds, a multiple of 60

  bool operator==(const Decorators&) const = default;
};

// auto_table_construction: another program's SQLite database as a table.
struct AutoTable {
  std::string name;
  std::string sql;
  std::string path;  // may be a glob
  std::vector<std::string> columns;
  std::string platform;

  bool operator==(const AutoTable&) const = default;
};

using Categories = std::map<std::string, std::vector<std::string>, std::less<>>;

struct FileMonitoring {
  Categories paths;         // file_paths
  Categories path_queries;  // file_paths_query
  Categories exclude_paths;
  std::vector<std::string> accesses;  // file_accesses: categories

  bool operator==(const FileMonitoring&) const = default;
};

// Events that are not to be kept: our own key, which osquery passes over.
struct EventFilter {
  std::string id;                   // as written, or "SOURCE:line" of one that has none
  std::string rule;                 // auditctl(8)'s words
  std::vector<std::string> tables;  // that it is about; empty: those that its list is

  bool operator==(const EventFilter&) const = default;
};

struct PrometheusTargets {
  std::vector<std::string> urls;
  double timeout_s = 1;

  bool operator==(const PrometheusTargets&) const = default;
};

// A flag that the configuration sets.
struct Option {
  std::string name;
  std::optional<std::string> value;  // as text, ready to be a flag's value; none: null, which is no value

  bool operator==(const Option&) const = default;
};

// What a document and a pack's body may both hold.
struct Settings {
  std::vector<Option> options;  // as written; those with an empty value are left out
  Decorators decorators;
  FileMonitoring files;
  std::string yara;  // JSON object, for the events that need it; empty: none
  std::vector<std::string> enabled_subscribers;
  std::vector<std::string> disabled_subscribers;
  std::vector<EventFilter> event_filters;
  std::vector<AutoTable> auto_tables;
  std::map<std::string, std::string, std::less<>> views;
  std::optional<PrometheusTargets> prometheus;
  Categories kafka_topics;      // topic to names of queries
  std::string feature_vectors;  // JSON object; empty: none

  bool operator==(const Settings&) const = default;
};

struct Pack {
  std::string name;
  std::string source;  // the document that names it
  std::string path;    // the file with its body, where it has one
  std::string platform;
  std::string version;
  std::optional<unsigned> shard;
  std::string oncall;
  std::vector<std::string> discovery;
  std::vector<Query> queries;  // by startup priority, then name
  Settings settings;           // what else its body says: in force while the pack is active

  bool operator==(const Pack&) const = default;
};

// A note on a document: nothing that keeps it from being used.
struct ConfigNote {
  std::string where;    // "source:line: key"
  std::string text;     // what we say
  std::string osquery;  // what osquery says; empty: it is silent
  Severity severity = Severity::warning;

  bool operator==(const ConfigNote&) const = default;
};

struct Document : Settings {
  std::string source;
  std::optional<Pack> schedule;  // the pack "main"
  std::vector<Pack> packs;
  std::vector<ConfigNote> notes;
  // The text of every pack file that was used, by path.
  std::map<std::string, std::string, std::less<>> pack_files;

  bool operator==(const Document&) const = default;
};

enum class ConfigForm : std::uint8_t {
  strict,   // as osquery reads: whole lines of comment only
  lenient,  // with // and /* */ comments anywhere and trailing commas
};

// How a document gets at the files it names.
class PackFiles {
 public:
  virtual ~PackFiles() = default;
  virtual Result<std::string> read(const std::string& path) const = 0;
  // Paths that a glob(3) pattern matches, sorted.
  virtual std::vector<std::string> match(const std::string& pattern) const = 0;
  // What the file said when it could be used last: taken where it cannot be used now.
  virtual std::optional<std::string> last_good(const std::string&) const { return std::nullopt; }
};

inline constexpr std::size_t kLargestConfig = 4 << 20;  // bytes, without lines of comment
// How the message of an error ends that is about nesting: 32 levels are allowed.
inline constexpr std::string_view kTooDeep = "too many nesting levels";

// An error names the source, line and column and the reason.
Result<Document> parse_document(std::string source, std::string_view text, ConfigForm form, const PackFiles& files);

// Whether "platform" means Linux: osquery's substring tests (compat section 3.3).
bool runs_on_linux(std::string_view platform);
// Whether `version` is at least `required`, both dotted (compat section 3.3).
bool version_satisfies(std::string_view version, std::string_view required);
// The host's number in 0…100 that shards are compared with: of SHA-1 of its name.
unsigned shard_number(std::string_view host_name);

}  // namespace osprey::protocol
