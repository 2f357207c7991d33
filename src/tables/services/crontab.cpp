#include "linux/files/crontab.h"

#include "base/text.h"
#include "linux/files/folder.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::CrontabEntry;

struct File {
  std::string path;
  // Whose table it is; empty in the system's, where each line names a user.
  std::string owner;
};

struct Job {
  CrontabEntry entry;
  const File* file = nullptr;

  std::string_view username() const {
    if (!file->owner.empty()) return file->owner;
    std::string_view command = entry.command;
    return take_field(command);
  }
};

std::vector<File> crontabs(const Scan& scan) {
  std::vector<File> files{{"/etc/crontab", ""}};
  const auto add = [&](const std::string& folder, bool of_users) {
    const auto names = scan.take(linux::file_names(scan.root(), folder));
    if (!names) return;
    for (const auto& name : *names)
      if (!name.starts_with('.')) files.push_back({folder + name, of_users ? name : ""});
  };
  add("/etc/cron.d/", false);
  add("/var/spool/cron/", true);           // Red Hat's family, Arch
  add("/var/spool/cron/crontabs/", true);  // Debian's family, Alpine
  add("/var/spool/cron/tabs/", true);      // SUSE
  return files;
}

Rows<Job> scan(const Scan& scan) {
  for (const auto& file : crontabs(scan)) {
    if (scan.interrupted()) co_return;
    for (auto& entry : entries_of(scan, file.path, linux::parse_crontab)) {
      Job job{std::move(entry), &file};
      co_yield job;
    }
  }
}

template <auto member>
const auto& entry(const Job& job) {
  return job.entry.*member;
}

}  // namespace

Table crontab() {
  return table("crontab", "Jobs of cron: the system's tables and those of users.", scan)
      .column("event", TEXT, entry<&CrontabEntry::event>, "@reboot, @daily and the like; NULL where times are given.")
      .column("minute", TEXT, entry<&CrontabEntry::minute>, "Minutes, as written.")
      .column("hour", TEXT, entry<&CrontabEntry::hour>, "Hours, as written.")
      .column("day_of_month", TEXT, entry<&CrontabEntry::day_of_month>, "Days of the month, as written.")
      .column("month", TEXT, entry<&CrontabEntry::month>, "Months, as written.")
      .column("day_of_week", TEXT, entry<&CrontabEntry::day_of_week>, "Days of the week, as written.")
      .column("command", TEXT, entry<&CrontabEntry::command>,
              "What is run, runs of blanks made one. In the system's tables the user stands in front of it.")
      .column(
          "path", TEXT, [](const Job& job) -> std::string_view { return job.file->path; }, "The table's file.")
      .in_mount_namespaces()
      .column("username", TEXT, &Job::username, "User that the job runs as.", HIDDEN)
      .column(
          "line", INTEGER, [](const Job& job) { return static_cast<std::int64_t>(job.entry.line); },
          "Line of the file, counted from 1.", HIDDEN)
      .cacheable()
      .example("SELECT command, path FROM crontab WHERE event = '@reboot'")
      .example("SELECT username, command FROM crontab WHERE path LIKE '/var/spool/cron/%'");
}

}  // namespace osprey::tables
