// The system's and devices' tables over a tree whose files are not what they should be: no hang, no crash, bounded
// memory, a warning at most.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "sql/connection.h"
#include "tables/tables.h"

namespace osprey::tables {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTables[] = {"mounts",        "memory_info", "memory_map",  "shared_memory",
                                   "uptime",        "os_version",  "kernel_info", "kernel_modules",
                                   "system_info",   "cpu_info",    "cpu_time",    "system_controls",
                                   "block_devices", "pci_devices", "usb_devices", "acpi_tables"};
constexpr const char* kFiles[] = {"proc/self/mountinfo",
                                  "proc/meminfo",
                                  "proc/iomem",
                                  "proc/sysvipc/shm",
                                  "proc/uptime",
                                  "proc/version",
                                  "proc/cmdline",
                                  "proc/modules",
                                  "proc/cpuinfo",
                                  "proc/stat",
                                  "proc/sys/kernel/hostname",
                                  "etc/os-release",
                                  "etc/redhat-release",
                                  "etc/sysctl.conf",
                                  "etc/sysctl.d/1.conf",
                                  "sys/firmware/dmi/tables/DMI",
                                  "sys/class/dmi/id/product_uuid",
                                  "sys/class/block/sda/dev",
                                  "sys/class/block/sda/size",
                                  "sys/bus/pci/devices/0000:00:00.0/uevent",
                                  "sys/bus/usb/devices/1-1/idVendor",
                                  "sys/firmware/acpi/tables/DSDT",
                                  "usr/share/misc/pci.ids",
                                  "usr/share/misc/usb.ids"};

class HostileFiles : public testing::Test {
 protected:
  void SetUp() override {
    registry_.add(entries());
    for (const auto file : kFiles) fs::create_directories((directory_ / file).parent_path());
  }
  void TearDown() override { fs::remove_all(directory_); }

  template <class Make>
  void every_file(Make make) {
    for (const auto file : kFiles) make(directory_ / file);
  }
  // Rows of all the tables together.
  std::size_t rows() {
    sql::Connection connection({.registry = &registry_, .root = *Root::at(directory_)});
    std::size_t rows = 0;
    for (const std::string table : kTables) {
      connection.begin({});
      const auto query = "SELECT * FROM " + table;
      std::string_view sql = query;
      auto statement = connection.prepare(sql);
      EXPECT_TRUE(statement) << table;
      for (;; ++rows) {
        const auto row = (*statement)->step();
        EXPECT_TRUE(row) << table << ": " << row.error().message;
        if (!row || !*row) break;
      }
    }
    return rows;
  }

  fs::path directory_ = fs::temp_directory_path() / ("osprey-hostile-" + std::to_string(::getpid()));
  sql::Registry registry_;
};

TEST_F(HostileFiles, FifosNobodyWritesTo) {
  every_file([](const fs::path& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); });
  rows();
}

TEST_F(HostileFiles, Directories) {
  every_file([](const fs::path& path) { fs::create_directory(path); });
  rows();
}

TEST_F(HostileFiles, LinksInCirclesAndOutOfTheTree) {
  bool circle = false;
  every_file([&](const fs::path& path) {
    fs::create_symlink((circle = !circle) ? path.filename() : fs::path("../../../../../../../../dev/zero"), path);
  });
  rows();
}

TEST_F(HostileFiles, OneHugeLine) {
  every_file([](const fs::path& path) { std::ofstream(path) << std::string(6 << 20, 'x'); });
  rows();
}

TEST_F(HostileFiles, HugeSparseFiles) {
  every_file([](const fs::path& path) {
    std::ofstream(path) << "1 ";
    fs::resize_file(path, std::uintmax_t{1} << 36);
  });
  rows();
}

TEST_F(HostileFiles, BytesThatAreNoText) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>(i * 7);
  every_file([&](const fs::path& path) { std::ofstream(path, std::ios::binary) << bytes; });
  rows();
}

TEST_F(HostileFiles, EmptyFiles) {
  every_file([](const fs::path& path) { std::ofstream{path}; });
  EXPECT_GT(rows(), 0u);
}

TEST_F(HostileFiles, GoodLinesAmongBadOnesAreKept) {
  std::ofstream(directory_ / "proc/modules") << "broken\n"
                                             << std::string(70000, 'y') << "\ngood 1 0 - Live 0x0\n\0\xff\n";
  std::ofstream(directory_ / "proc/self/mountinfo") << "broken\n1 0 0:1 / / rw - tmpfs t rw\n";
  sql::Connection connection({.registry = &registry_, .root = *Root::at(directory_)});
  for (const std::string table : {"kernel_modules", "mounts"}) {
    connection.begin({});
    const auto query = "SELECT count(*) FROM " + table;
    std::string_view sql = query;
    auto statement = connection.prepare(sql);
    ASSERT_TRUE(statement);
    ASSERT_TRUE((*statement)->step().value());
    EXPECT_EQ((*statement)->integer(0), 1) << table;
    EXPECT_EQ(connection.warnings().list().size(), 1u) << table;
  }
}

}  // namespace
}  // namespace osprey::tables
