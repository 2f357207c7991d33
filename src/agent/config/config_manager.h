// ConfigManager: fetches the configuration's sources, keeps the last good document of each in force, and makes a new
// snapshot where something has changed. What stays behind a restart is in the store.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config_plugin.h"
#include "agent/config/configuration.h"
#include "agent/program.h"
#include "agent/remote/remote.h"
#include "protocol/status_line.h"
#include "store/store.h"

namespace osprey::agent {

// The way to the fleet's server, for who has one; both outlive the plugin.
struct ConfigServer {
  Remote& remote;
  const Interrupt& stop;  // ends a fetch
};
// The plugin that --config_plugin names; an error for any other, and for `tls` without a server. `warn` hears of files
// that others can change.
Result<std::unique_ptr<ConfigPlugin>> make_config_plugin(const Flags& flags, const Program& program,
                                                         std::function<void(const std::string&)> warn,
                                                         std::optional<ConfigServer> server = std::nullopt);

// What osquery says of an error of load().
std::string osquery_failure(const Error& error);

// Thread-safe: updates run one at a time on their callers' threads, and current() never waits for one.
class ConfigManager {
 public:
  struct Parts {
    const Program& program;
    Flags base;                            // command line and flag file, as the process was started with
    std::unique_ptr<ConfigPlugin> plugin;  // may be null: there are the flags and nothing else
    store::Store* store = nullptr;         // may be null: nothing is kept across restarts
    // Hears what is wrong with documents and what has changed, in the program's words (osquery's under its names).
    std::function<void(protocol::Severity, const std::string&)> tell;
    std::string host_name;  // shards are drawn by it; empty: this host's
  };
  explicit ConfigManager(Parts parts);

  // Never null: the flags alone before the first fetch.
  ConfigurationPtr current() const;

  // Called after each change with the new snapshot, on the thread that made it; must not call back into the manager
  // but for current(). Set before load().
  using Listener = std::function<void(const ConfigurationPtr&)>;
  void add_listener(Listener listener) { listeners_.push_back(std::move(listener)); }

  // The first fetch, at start. Where it fails or a source is broken, the last good documents of an earlier run are
  // taken (under osquery's names only where the whole fetch fails and --config_enable_backup is on). An error: the
  // first thing that was wrong; what could be taken is in force all the same. It is told already, but under osquery's
  // names, where how depends on who asks: osquery_failure().
  Result<void> load();
  // Another look. With `told_again` what is still wrong is told again, as a SIGHUP asks for.
  Result<void> refresh(bool told_again = false);

  // Packs whose discovery queries gave rows last: what their bodies hold besides queries is in force too.
  void set_active_packs(std::set<PackId> active);

  // What should cause a refresh() when it changes.
  ConfigPlugin::Watched watched() const;

 private:
  struct Source {
    std::optional<protocol::Document> document;  // the last good one
    std::string text;                            // its text
    std::string refused;                         // digest of what was refused last; empty: the document is the newest
  };
  class KnownPacks;

  bool compatible() const noexcept { return parts_.program.osquery_compatible; }
  bool keeps_backup() const { return parts_.store && (!compatible() || parts_.base.boolean("config_enable_backup")); }
  Result<void> update(bool first, bool told_again);
  void failed(const Error& error, bool first, bool told_again);
  // Takes a source's new text; an error if it cannot be used.
  Result<void> take(const std::string& name, const Result<std::string>& text, bool told_again);
  Result<protocol::Document> parse(const std::string& name, std::string_view text) const;
  void refuse(const std::string& name, const Result<std::string>& text, const Error& error, bool told_again);
  // Takes the document that the store has of an earlier run.
  bool restore(const std::string& name);
  // The same for all; returns of how many sources.
  std::size_t restore_all();
  // Makes the snapshot anew; nothing happens if it is the same.
  void publish();
  void announce(const Configuration& before, const Configuration& after) const;
  void tell(const std::vector<protocol::ConfigNote>& notes) const;
  void save();

  Parts parts_;
  std::vector<Listener> listeners_;
  std::optional<unsigned> shard_number_;

  mutable std::mutex updating_;  // guards what follows
  std::map<std::string, Source> sources_;
  std::set<std::string> changed_;  // sources whose notes are to be told at the next publish()
  std::set<PackId> active_;
  bool fetched_ = false;
  std::string told_failure_;  // of the whole fetch

  mutable std::mutex mutex_;  // guards the snapshot's pointer
  ConfigurationPtr current_;
};

}  // namespace osprey::agent
