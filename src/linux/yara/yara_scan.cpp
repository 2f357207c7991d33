#include "linux/yara/yara_scan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "linux/yara/process_memory.h"
#include "linux/yara/yara_answers.h"

namespace osprey::linux {
namespace {

using Clock = std::chrono::steady_clock;

void append(std::string& list, std::string_view more) {
  if (more.empty()) return;
  if (!list.empty()) list += ',';
  list += more;
}

std::unexpected<Error> interrupted(std::string_view what) { return system_failure(ECANCELED, std::string(what)); }

// Runs `scan` with every piece of the sets.
template <class Scan>
Result<YaraReport> scan_with(const YaraScans& scans, std::string_view what, std::span<const AskedYaraSet> sets,
                             const Scan& scan) {
  YaraReport report;
  const auto begin = Clock::now();
  for (const auto& asked : sets) {
    const auto& set = *asked.set;
    const auto set_begin = Clock::now();
    for (const auto& rules : set.pieces) {
      const auto finds = scan(*rules, YaraScanOptions{.timeout = scans.timeout, .strings = asked.strings});
      if (scans.interrupt.requested()) return interrupted(what);
      if (!finds) {
        report.scanned = false;
        report.skip(finds.error().text());
        continue;
      }
      report.add(*finds);
      set.matches += finds->matches.size();
    }
    set.scan_nanoseconds += static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - set_begin).count());
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return report;
}

YaraReport not_scanned(std::string_view reason) {
  YaraReport report;
  report.scanned = false;
  report.skip(reason);
  return report;
}

}  // namespace

void YaraReport::add(const YaraFinds& finds) {
  for (const auto& match : finds.matches) {
    append(matches, match.rule);
    append(strings, match.strings);
    append(tags, match.tags);
  }
  count += finds.matches.size();
  if (const auto left_out = what_is_left_out(finds); !left_out.empty()) skip(left_out);
}

void YaraReport::skip(std::string_view reason) {
  if (!skipped.empty()) skipped += "; ";
  skipped += reason;
}

Result<YaraReport> scan_open_file(const YaraScans& scans, int file, std::string_view path,
                                  std::span<const AskedYaraSet> sets) {
  struct stat facts;
  if (::fstat(file, &facts) != 0) return system_failure(std::string(path));
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size > scans.largest_file)
    return not_scanned(fmt::format("{} bytes are more than --read_max, {}", size, scans.largest_file));
  const auto stopped = [&] { return scans.interrupt.requested(); };
  if (scans.budget && !scans.budget->read(size, stopped)) return interrupted(path);
  return scan_with(scans, path, sets, [&](const CompiledYara& rules, const YaraScanOptions& options) {
    return scans.scanner.scan_file(rules, file, options, scans.interrupt);
  });
}

Result<YaraReport> scan_file(const YaraScans& scans, const Root& root, std::string_view path,
                             std::span<const AskedYaraSet> sets) {
  const auto stopped = [&] { return scans.interrupt.requested(); };
  if (scans.budget && !scans.budget->open(stopped)) return interrupted(path);
  const auto file = root.open(path);
  if (!file && file.error().absent()) return std::unexpected(file.error());
  if (!file) return not_scanned(file.error().message);
  return scan_open_file(scans, file->get(), path, sets);
}

Result<YaraReport> scan_process(const YaraScans& scans, pid_t pid, std::span<const AskedYaraSet> sets) {
  const auto memory = TRY(ProcessMemory::open(Root::host(), pid, scans.interrupt));
  const auto stopped = [&] { return scans.interrupt.requested(); };
  const auto name = fmt::format("process {}", pid);
  if (scans.budget && !scans.budget->read(memory.bytes(), stopped)) return interrupted(name);
  auto report = TRY(scan_with(scans, name, sets, [&](const CompiledYara& rules, const YaraScanOptions& options) {
    return scans.scanner.scan_memory(rules, memory.fd(), memory.extents(), options, scans.interrupt);
  }));
  if (!memory.still_there()) return system_failure(ESRCH, name);
  if (memory.left_out() > 0)
    report.skip(fmt::format("{} bytes of memory are beyond what is scanned", memory.left_out()));
  return report;
}

}  // namespace osprey::linux
