#include <fmt/format.h>

#include "linux/yara/yara_engine.h"
#include "tables/security/asked_rules.h"

namespace osprey::tables {
namespace {

using linux::YaraReport;

constexpr std::string_view kExample =
    "SELECT pid, matches FROM yara_process WHERE pid = 1 AND sigfile = '/etc/osprey/yara/malware.yar'";

struct Handle {
  pid_t pid;
  const AskedRules& rules;
  YaraReport report;

  // NULL where nothing was scanned.
  template <auto member>
  auto of() const -> std::optional<std::remove_cvref_t<decltype(report.*member)>> {
    if (!report.scanned) return std::nullopt;
    return report.*member;
  }
  std::string skipped() const { return report.skipped; }
};

Rows<Handle> scan(const Scan& scan) {
  const auto rules = asked_rules(scan, kExample);
  if (rules.empty()) co_return;
  const linux::YaraScans scans{.scanner = linux::yara_engine().for_queries,
                               .budget = scan.service<linux::IoBudget>(),
                               .interrupt = scan.interrupt()};
  ScanPace pace(scan);
  for (const auto pid : scan.keys<pid_t>("pid", [] { return std::vector<pid_t>(); })) {
    if (pid <= 0) continue;
    for (const auto& one : rules) {
      pace.wait();
      if (scan.interrupted()) co_return;
      // Before the row and not by column: a process that ends meanwhile has none.
      auto report = scan.take(scan_process(scans, pid, one.sets));
      if (!report) continue;
      if (!report->skipped.empty()) scan.warn({0, fmt::format("process {}", pid), report->skipped});
      Handle handle{pid, one, std::move(*report)};
      co_yield handle;
    }
  }
}

}  // namespace

Table yara_process() {
  auto pid = table("yara_process", "Which YARA rules the memory of processes matches.", scan)
                 .column("pid", INTEGER, &Handle::pid, "Process id.", REQUIRED | INDEX);
  return with_findings(std::move(pid),
                       "Where the rules' strings were found: $name:address in hexadecimal, separated by commas.")
      .host_only()
      .example(kExample)
      .example(
          "SELECT p.pid, p.name, y.matches FROM processes p JOIN yara_process y ON y.pid = p.pid "
          "WHERE p.on_disk = 0 AND y.sig_group = 'implants'")
      .note(
          "Memory that the process has touched is read, and files of up to 64 MiB mapped into it, a gigabyte at most; "
          "devices' memory is not. The process goes on meanwhile. As in yara_file for the rest.");
}

}  // namespace osprey::tables
