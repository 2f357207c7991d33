#include <optional>

#include "linux/procfs/kernel_command_line.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  const Root* root;
  std::optional<Result<linux::KernelCommandLine>> line{};

  Result<std::string> version() const {
    return std::string(linux::kernel_release(TRY(root->read("/proc/version")).bytes));
  }
  const Result<linux::KernelCommandLine>& parsed() {
    if (!line) line = read();
    return *line;
  }
  Result<linux::KernelCommandLine> read() const {
    return linux::parse_kernel_command_line(TRY(root->read("/proc/cmdline")).bytes);
  }
  template <auto member>
  static Result<std::string> part(Handle& handle) {
    const auto& parsed = handle.parsed();
    if (!parsed) return std::unexpected(parsed.error());
    return (*parsed).*member;
  }
};

Rows<Handle> scan(const Scan& scan) {
  if (!scan.root().exists("/proc/version")) co_return;
  Handle handle{&scan.root()};
  co_yield handle;
}

}  // namespace

Table kernel_info() {
  using linux::KernelCommandLine;
  return table("kernel_info", "The running kernel and what the boot loader told it.", scan)
      .column("version", TEXT, &Handle::version, "Release of the kernel.", VERSION)
      .column("arguments", TEXT, &Handle::part<&KernelCommandLine::arguments>,
              "Its command line, without the two parts that follow.")
      .column("path", TEXT, &Handle::part<&KernelCommandLine::image>,
              "File it was loaded from, as the boot loader says.")
      .column("device", TEXT, &Handle::part<&KernelCommandLine::root_device>,
              "Device of the root filesystem, as the boot loader says.")
      .cacheable()
      .example("SELECT version, path FROM kernel_info");
}

}  // namespace osprey::tables
