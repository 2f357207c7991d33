#include "linux/devices/superblock.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

// An image of 1 MiB with `bytes` at `offset`.
UniqueFd image(off_t offset, std::string_view bytes) {
  char name[] = "/tmp/osprey-superblock-XXXXXX";
  UniqueFd file(::mkstemp(name));
  ::unlink(name);
  EXPECT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  EXPECT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  return file;
}

TEST(Superblock, OfSwapSpace) {
  // include/linux/swap.h, union swap_header: version, last page, bad pages, UUID, label; the magic ends the first page.
  std::string header(4096 - 1024, '\0');
  header[0] = 1;
  header[4] = 15;
  header.replace(12, 16, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  header.replace(28, 7, "my swap");
  header.replace(header.size() - 10, 10, "SWAPSPACE2");
  const auto file = image(1024, header);
  const auto found = probe_superblock(file.get(), "image");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->type, "swap");
  EXPECT_EQ(found->uuid, "01020304-0506-0708-090a-0b0c0d0e0f10");
  EXPECT_EQ(found->label, "my swap");
}

TEST(Superblock, OfNothing) {
  const auto file = image(0, "nothing at all");
  const auto found = probe_superblock(file.get(), "image");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->type, "");
  EXPECT_FALSE(probe_superblock(-1, "image"));
}

}  // namespace
}  // namespace osprey::linux
