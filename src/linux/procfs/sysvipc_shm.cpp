#include "linux/procfs/sysvipc_shm.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace osprey::linux {
namespace {

class Header {
 public:
  explicit Header(std::string_view line) : names_(fields(line)) {}
  // The number below `name` in a line's fields.
  template <class T>
  bool take(const std::vector<std::string_view>& values, std::string_view name, T& number, int base = 10) const {
    const auto found = static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
    if (found >= names_.size() || found >= values.size()) return false;
    const auto value = parse<T>(values[found], base);
    if (value) number = *value;
    return value.has_value();
  }

 private:
  std::vector<std::string_view> names_;
};

std::optional<SharedMemorySegment> parse_line(const Header& header, std::string_view line) {
  const auto values = fields(line);
  SharedMemorySegment segment;
  const bool whole =
      header.take(values, "shmid", segment.id) && header.take(values, "perms", segment.permissions, 8) &&
      header.take(values, "size", segment.size) && header.take(values, "cpid", segment.creator_pid) &&
      header.take(values, "lpid", segment.last_pid) && header.take(values, "nattch", segment.attached) &&
      header.take(values, "uid", segment.owner_uid) && header.take(values, "cuid", segment.creator_uid) &&
      header.take(values, "atime", segment.attach_time) && header.take(values, "dtime", segment.detach_time) &&
      header.take(values, "ctime", segment.change_time);
  return whole ? std::optional(segment) : std::nullopt;
}

}  // namespace

Parsed<SharedMemorySegment> parse_sysvipc_shm(std::string_view text) {
  Parsed<SharedMemorySegment> memory;
  const Header header(take_until(text, '\n'));
  for (const auto line : Lines(text)) {
    if (const auto segment = parse_line(header, line))
      memory.entries.push_back(*segment);
    else if (!trim(line).empty())
      ++memory.skipped;
  }
  return memory;
}

}  // namespace osprey::linux
