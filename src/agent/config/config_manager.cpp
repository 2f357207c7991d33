#include "agent/config/config_manager.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "agent/config/filesystem_config.h"
#include "agent/config/tls_config.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using protocol::Severity;
using store::Family;

constexpr std::string_view kBackup = "config_persistence.";      // osquery's name for a source's last good text
constexpr std::string_view kPackBackup = "config_pack_backup.";  // and ours for a pack file's

std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha1(), nullptr);
  return hex({reinterpret_cast<const char*>(digest.data()), length});
}

std::string backup_key(std::string_view prefix, std::string_view name) { return fmt::format("{}{}", prefix, name); }

}  // namespace

// Pack files with what they said when they were good last: in the documents in force, or in the store.
class ConfigManager::KnownPacks final : public protocol::PackFiles {
 public:
  explicit KnownPacks(const ConfigManager& manager) : manager_(manager), files_(manager.parts_.plugin->pack_files()) {}

  Result<std::string> read(const std::string& path) const override { return files_.read(path); }
  std::vector<std::string> match(const std::string& pattern) const override { return files_.match(pattern); }
  std::optional<std::string> last_good(const std::string& path) const override {
    for (const auto& [name, source] : manager_.sources_) {
      if (!source.document) continue;
      const auto found = source.document->pack_files.find(path);
      if (found != source.document->pack_files.end()) return found->second;
    }
    if (!manager_.keeps_backup()) return std::nullopt;
    return manager_.parts_.store->get(Family::configuration, backup_key(kPackBackup, path)).value_or(std::nullopt);
  }

 private:
  const ConfigManager& manager_;
  const protocol::PackFiles& files_;
};

Result<std::unique_ptr<ConfigPlugin>> make_config_plugin(const Flags& flags, const Program& program,
                                                         std::function<void(const std::string&)> warn,
                                                         std::optional<ConfigServer> server) {
  const auto name = flags.text("config_plugin");
  if (name == "tls") {
    if (!server) return failure({}, "--config_plugin tls: only a running agent asks the server");
    return std::make_unique<TlsConfig>(TlsConfig::options_of(flags, program, server->remote, server->stop));
  }
  if (name != "filesystem")
    return failure({}, program.osquery_compatible
                           ? fmt::format("Cannot activate {0} config plugin: Unknown registry plugin: {0}", name)
                           : fmt::format("--config_plugin {} is not there: filesystem and tls are", name));
  return std::make_unique<FilesystemConfig>(FilesystemConfig::Options{.path = std::string(flags.text("config_path")),
                                                                      .osquery_compatible = program.osquery_compatible,
                                                                      .allow_unsafe = flags.boolean("allow_unsafe"),
                                                                      .warn = std::move(warn)});
}

std::string osquery_failure(const Error& error) {
  if (error.subject.empty()) return fmt::format("Error reading config: {}", error.message);
  return error.message.ends_with(protocol::kTooDeep)
             ? "Error reading config: Error validating the config JSON: Configuration has too many nesting levels!"
             : "Error reading config: Error parsing the config JSON";
}

ConfigManager::ConfigManager(Parts parts) : parts_(std::move(parts)) {
  auto none = std::make_shared<Configuration>();
  none->flags = parts_.base;
  current_ = std::move(none);
}

ConfigurationPtr ConfigManager::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

Result<void> ConfigManager::load() { return update(true, true); }

Result<void> ConfigManager::refresh(bool told_again) { return update(false, told_again); }

void ConfigManager::set_active_packs(std::set<PackId> active) {
  std::lock_guard lock(updating_);
  if (active_ == active) return;
  active_ = std::move(active);
  publish();
}

ConfigPlugin::Watched ConfigManager::watched() const {
  std::lock_guard lock(updating_);
  return parts_.plugin ? parts_.plugin->watched() : ConfigPlugin::Watched{};
}

Result<void> ConfigManager::update(bool first, bool told_again) {
  std::lock_guard lock(updating_);
  if (!parts_.plugin) return {};
  const auto fetched = parts_.plugin->fetch();
  if (!fetched) {
    failed(fetched.error(), first, told_again);
    return std::unexpected(fetched.error());
  }
  fetched_ = true;
  if (!std::exchange(told_failure_, {}).empty() && !compatible())
    parts_.tell(Severity::info, "the configuration can be read again");
  Result<void> result;
  for (const auto& [name, text] : *fetched) {
    auto taken = take(name, text, told_again);
    if (!taken && result) result = std::move(taken);
  }
  std::erase_if(sources_, [&](const auto& source) { return !fetched->contains(source.first); });
  publish();
  save();
  return result;
}

void ConfigManager::failed(const Error& error, bool first, bool told_again) {
  const auto reason = error.text();
  const bool heard = told_failure_ == reason && !told_again;
  told_failure_ = reason;
  const auto restored = first && keeps_backup() ? restore_all() : 0;
  // osquery is silent of polls that fail.
  if (!heard && !compatible()) {
    const auto rest = restored > 0        ? "; what was good in the last run is taken"
                      : !sources_.empty() ? "; the last good configuration stays in force"
                                          : "";
    parts_.tell(Severity::error, fmt::format("configuration {}{}", reason, rest));
  }
  if (restored > 0 && compatible()) parts_.tell(Severity::warning, "the backup of the configuration is taken");
  publish();
}

Result<void> ConfigManager::take(const std::string& name, const Result<std::string>& text, bool told_again) {
  auto& source = sources_[name];
  auto document = text ? parse(name, *text) : Result<protocol::Document>(std::unexpected(text.error()));
  if (!document) {
    refuse(name, text, document.error(), told_again);
    return std::unexpected(document.error());
  }
  if (told_again || !source.document || source.text != *text || *source.document != *document) changed_.insert(name);
  source = {std::move(*document), *text, {}};
  return {};
}

Result<protocol::Document> ConfigManager::parse(const std::string& name, std::string_view text) const {
  return protocol::parse_document(
      name, text, compatible() ? protocol::ConfigForm::strict : protocol::ConfigForm::lenient, KnownPacks(*this));
}

void ConfigManager::refuse(const std::string& name, const Result<std::string>& text, const Error& error,
                           bool told_again) {
  auto& source = sources_[name];
  auto digest = sha1_hex(text ? *text : error.text());
  const bool heard = source.refused == digest && !told_again;
  source.refused = std::move(digest);
  const bool had_one = source.document.has_value();
  const bool restored = !had_one && !compatible() && restore(name);
  if (heard) return;
  if (compatible()) {
    parts_.tell(text ? Severity::error : Severity::warning,
                text ? fmt::format("updateSource failed to parse config, of source: {} and content: {}", name, *text)
                     : error.text());
    return;
  }
  const auto rest = had_one    ? "; its last good text stays in force"
                    : restored ? "; its last good text, from an earlier run, is taken"
                               : "";
  parts_.tell(Severity::error, fmt::format("configuration {}{}", error.text(), rest));
}

bool ConfigManager::restore(const std::string& name) {
  if (!keeps_backup()) return false;
  auto text = parts_.store->get(Family::configuration, backup_key(kBackup, name)).value_or(std::nullopt);
  if (!text) return false;
  auto document = parse(name, *text);
  if (!document) return false;
  auto& source = sources_[name];
  source.document = std::move(*document);
  source.text = std::move(*text);
  changed_.insert(name);
  return true;
}

std::size_t ConfigManager::restore_all() {
  std::size_t restored = 0;
  const auto cursor = parts_.store->cursor(Family::configuration, kBackup, store::prefix_end(kBackup));
  for (; cursor->valid(); cursor->next())
    if (restore(std::string(cursor->key().substr(kBackup.size())))) ++restored;
  return restored;
}

void ConfigManager::publish() {
  std::vector<ConfigPart> parts;
  std::vector<protocol::ConfigNote> notes;
  std::string digests;
  for (const auto& [name, source] : sources_) {
    if (!source.document) continue;
    const bool changed = changed_.contains(name);
    parts.push_back({*source.document, changed});
    digests += sha1_hex(source.text);
    if (changed) notes.insert(notes.end(), source.document->notes.begin(), source.document->notes.end());
  }
  changed_.clear();
  // Not before there is something to draw for: a digest costs a short-lived shell a third of its start.
  if (!shard_number_ && !parts.empty())
    shard_number_ = protocol::shard_number(parts_.host_name.empty() ? host_name() : parts_.host_name);
  auto made = make_configuration(parts_.base, parts, active_, shard_number_.value_or(0), notes);
  tell(notes);
  made.valid = fetched_;
  if (!parts.empty()) made.hash = sha1_hex(digests);
  const auto before = current();
  made.generation = before->generation;
  if (made == *before) return;
  ++made.generation;
  const auto after = std::make_shared<const Configuration>(std::move(made));
  {
    std::lock_guard lock(mutex_);
    current_ = after;
  }
  announce(*before, *after);
  for (const auto& listener : listeners_) listener(after);
}

void ConfigManager::announce(const Configuration& before, const Configuration& after) const {
  if (before.generation == 0) return;
  const auto what = describe_change(before, after);
  parts_.tell(Severity::info, fmt::format("configuration changed: {}", what.empty() ? "nothing that runs" : what));
  const auto waiting = options_for_restart(before, after);
  if (!waiting.empty())
    parts_.tell(Severity::warning,
                fmt::format("options that take effect at the next start: {}", fmt::join(waiting, ", ")));
}

void ConfigManager::tell(const std::vector<protocol::ConfigNote>& notes) const {
  for (const auto& note : notes) {
    if (!compatible())
      parts_.tell(note.severity, fmt::format("{}: {}", note.where, note.text));
    else if (!note.osquery.empty())
      parts_.tell(note.severity, note.osquery);
  }
}

// Makes the store's backup what is in force now.
void ConfigManager::save() {
  if (!keeps_backup()) return;
  std::map<std::string, std::string_view> wanted;
  std::set<std::string> kept;  // sources without a good document: what there is stays
  for (const auto& [name, source] : sources_) {
    if (!source.document) {
      kept.insert(backup_key(kBackup, name));
      continue;
    }
    wanted.emplace(backup_key(kBackup, name), source.text);
    for (const auto& [path, text] : source.document->pack_files) wanted.emplace(backup_key(kPackBackup, path), text);
  }
  store::Batch batch;
  for (const auto prefix : {kBackup, kPackBackup}) {
    const auto cursor = parts_.store->cursor(Family::configuration, prefix, store::prefix_end(prefix));
    for (; cursor->valid(); cursor->next()) {
      const std::string key(cursor->key());
      const auto found = wanted.find(key);
      if (found == wanted.end()) {
        if (!kept.contains(key)) batch.erase(Family::configuration, key);
      } else if (found->second == cursor->value()) {
        wanted.erase(found);
      }
    }
  }
  for (const auto& [key, text] : wanted) batch.put(Family::configuration, key, text);
  if (batch.empty()) return;
  const auto written = parts_.store->write(batch);
  if (!written)
    parts_.tell(Severity::warning,
                fmt::format("the configuration cannot be kept for a start without one: {}", written.error().text()));
}

}  // namespace osprey::agent
