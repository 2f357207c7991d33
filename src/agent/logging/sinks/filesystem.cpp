// filesystem: osquery's files below --logger_path. Results and snapshots one line each, status lines as glog has them.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <optional>

#include "agent/logging/sinks/log_file.h"
#include "agent/logging/sinks/log_rotation.h"
#include "agent/logging/sinks/sinks.h"
#include "agent/logging/sinks/status_files.h"
#include "base/text.h"
#include "protocol/status_line.h"

namespace osprey::agent {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr std::uint64_t kMegabyte = 1 << 20;
// Under a cap a log is rotated at this part of it: two logs of which each has a current file, an older one and one
// that is being compressed fit under it.
constexpr std::uint64_t kCapParts = 8;

struct Settings {
  std::string directory;
  mode_t mode = 0640;
  std::uint64_t rotate_size = 0;  // 0: never
  std::size_t keep = 1;
  std::uint64_t cap = 0;    // of all files together; 0: none
  std::uint64_t floor = 0;  // of free space
};

// One of the two logs.
struct Log {
  Log(const std::string& path, const SinkParts& parts) : file(path, parts.losses), rotation(path, parts.status) {}
  LogFile file;
  LogRotation rotation;
  // In this delivery:
  bool is_ready = false;
  bool may_grow = false;  // it is full but cannot be rotated yet
};

class FilesystemSink final : public Sink {
 public:
  explicit FilesystemSink(const SinkParts& parts)
      : parts_(parts), name_(parts.program.osquery_compatible ? "osqueryd" : "ospreyd") {}

  Result<void> configure(const Configuration& configuration) override;
  std::string target() const override { return settings_.directory; }
  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override;
  std::string mark() const override { return results_ ? results_->file.mark() + snapshots_->file.mark() : mark_; }
  void resume(std::string_view mark) override { mark_ = mark; }

 private:
  Settings settings_of(const Flags& flags) const;
  void open(const std::string& directory);
  Result<void> check_free_space() const;
  bool is_full(const Log& log) const;
  Result<bool> ready(Log& log);
  Result<void> rotate(Log& log);
  void cap() const;
  std::size_t before_rotation(const Log& log, std::span<const LogDelivery> records) const;
  Result<std::size_t> write(std::span<const LogDelivery> records);

  SinkParts parts_;
  std::string name_;
  Settings settings_;
  std::string mark_;  // of before there were files
  std::optional<Log> results_;
  std::optional<Log> snapshots_;
  std::optional<StatusFiles> status_files_;
};

Settings FilesystemSink::settings_of(const Flags& flags) const {
  Settings settings;
  settings.directory = flags.text("logger_path");
  while (settings.directory.size() > 1 && settings.directory.ends_with('/')) settings.directory.pop_back();
  settings.mode = parse_log_mode(flags.text("logger_mode")).value_or(settings.mode);
  settings.keep = static_cast<std::size_t>(std::max<std::int64_t>(flags.number("logger_rotate_max_files"), 1));
  // Under osquery's name there is no cap unless somebody asks for one.
  if (!parts_.program.osquery_compatible || flags.is_set("logger_max_mb"))
    settings.cap = static_cast<std::uint64_t>(flags.number("logger_max_mb")) * kMegabyte;
  settings.rotate_size = settings.cap / kCapParts;
  if (flags.boolean("logger_rotate")) {
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("logger_rotate_size"), 1));
    settings.rotate_size = settings.rotate_size ? std::min(settings.rotate_size, size) : size;
  }
  settings.floor = static_cast<std::uint64_t>(flags.number("free_space_floor_mb")) * kMegabyte;
  return settings;
}

Result<void> FilesystemSink::configure(const Configuration& configuration) {
  const auto before = std::exchange(settings_, settings_of(configuration.flags));
  if (!results_ || before.directory != settings_.directory) open(settings_.directory);
  status_files_->keep(settings_.keep);
  cap();
  // The results file is there from the start, the snapshots file with the first one.
  return results_->file.make(settings_.mode);
}

void FilesystemSink::open(const std::string& directory) {
  ::mkdir(directory.c_str(), kDirectoryMode);  // where it cannot be made, opening files there will say so
  const auto path = directory + "/" + name_;
  const auto old_mark = mark();
  std::string_view rest = old_mark;
  for (auto [log, name] : {std::pair{&results_, ".results.log"}, std::pair{&snapshots_, ".snapshots.log"}}) {
    log->emplace(path + name, parts_);
    (*log)->file.resume(rest);
    (*log)->rotation.recover();
  }
  status_files_.emplace(directory, name_);
}

Result<void> FilesystemSink::check_free_space() const {
  struct ::statvfs filesystem{};
  if (::statvfs(settings_.directory.c_str(), &filesystem) != 0) return system_failure(settings_.directory);
  if (filesystem.f_bavail * filesystem.f_frsize >= settings_.floor) return {};
  return failure(settings_.directory, "there is less free space than --free_space_floor_mb wants left");
}

Result<void> FilesystemSink::rotate(Log& log) {
  log.may_grow = !TRY(log.rotation.rotate(settings_.keep));
  if (!log.may_grow) log.file.close();
  cap();
  return {};
}

void FilesystemSink::cap() const {
  if (settings_.cap) cap_logs(settings_.directory, name_, settings_.cap);
}

bool FilesystemSink::is_full(const Log& log) const {
  return settings_.rotate_size > 0 && !log.may_grow && log.file.size() >= settings_.rotate_size && !log.file.in_line();
}

// False: the log's mark has to be stored first. Only before the first write of a delivery a log is rotated: then all in
// it is acknowledged, and nothing of it is offered again after a death.
Result<bool> FilesystemSink::ready(Log& log) {
  if (log.is_ready) return !is_full(log);
  if (is_full(log)) TRY(rotate(log));
  log.is_ready = TRY(log.file.ready(settings_.mode));
  return log.is_ready;
}

// How many of the records go to the log before it is to be rotated; one at least.
std::size_t FilesystemSink::before_rotation(const Log& log, std::span<const LogDelivery> records) const {
  auto size = log.file.size();
  std::size_t count = 0;
  for (; count < records.size() && records[count].record.kind == records.front().record.kind; ++count) {
    if (count > 0 && settings_.rotate_size && !log.may_grow && size >= settings_.rotate_size) break;
    size += records[count].record.text.size();
  }
  return count;
}

// Writes the first of the records, or as many as go together. 0: the mark has to be stored first.
Result<std::size_t> FilesystemSink::write(std::span<const LogDelivery> records) {
  const auto& first = records.front().record;
  if (first.kind == LineKind::status) {
    const auto status = protocol::decode_status(first.text);
    if (status && TRY(status_files_->write(*status))) cap();
    return 1;
  }
  auto& log = first.kind == LineKind::snapshot ? *snapshots_ : *results_;
  if (!TRY(ready(log))) return 0;
  return log.file.write(records.first(before_rotation(log, records)));
}

Sink::Taken FilesystemSink::deliver(std::span<const LogDelivery> records, const Interrupt& stop) {
  Taken taken;
  if (auto space = check_free_space(); !space) return {0, space.error()};
  for (auto* const log : {&*results_, &*snapshots_}) log->is_ready = log->may_grow = false;
  while (taken.records < records.size() && !stop.requested()) {
    const auto written = write(records.subspan(taken.records));
    if (!written) {
      taken.error = written.error();
      break;
    }
    if (*written == 0) break;
    taken.records += *written;
  }
  return taken;
}

}  // namespace

std::optional<mode_t> parse_log_mode(std::string_view text) {
  const auto mode = parse<unsigned>(text, 8);
  if (!mode || *mode > 07777) return std::nullopt;
  return static_cast<mode_t>(*mode);
}

std::unique_ptr<Sink> filesystem_sink(const SinkParts& parts) { return std::make_unique<FilesystemSink>(parts); }

}  // namespace osprey::agent
