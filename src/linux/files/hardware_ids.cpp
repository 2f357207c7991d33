#include "linux/files/hardware_ids.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kCap = 8 << 20;  // the files of 2024 have 1.5 MB

struct Entry {
  std::uint16_t number;
  std::string_view name;
};

// "8086  Intel Corporation"
std::optional<Entry> parse_entry(std::string_view line) {
  const auto number = parse<std::uint16_t>(take_field(line), 16);
  if (!number) return std::nullopt;
  return Entry{*number, trim(line)};
}

std::size_t depth_of(std::string_view line) noexcept {
  std::size_t tabs = 0;
  while (tabs < line.size() && line[tabs] == '\t') ++tabs;
  return tabs;
}

// The entry among the lines of one tab, and the lines of two tabs below it.
std::optional<std::string_view> find(std::string_view lines, std::uint16_t number, std::string_view* below = nullptr) {
  while (!lines.empty()) {
    const auto line = take_until(lines, '\n');
    if (depth_of(line) != 1) continue;
    const auto entry = parse_entry(line);
    if (!entry || entry->number != number) continue;
    if (below) *below = lines;
    return entry->name;
  }
  return std::nullopt;
}

}  // namespace

HardwareIds::HardwareIds(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  Block* open = nullptr;  // whose indented lines are being read
  const char* start = nullptr;
  const auto close = [&](const char* end) {
    if (open) open->below = std::string_view(start, static_cast<std::size_t>(end - start));
    open = nullptr;
  };
  while (!rest.empty()) {
    auto line = take_until(rest, '\n');
    const char* at = line.data();
    const char* end = at + line.size();
    if (line.empty() || line.front() == '\t' || line.front() == '#') continue;
    close(at);
    // Vendors begin with their number, classes with a C; usb.ids has other lists, each with letters of its own.
    const bool is_class = line.starts_with("C ");
    if (is_class) line.remove_prefix(2);
    const auto entry = parse_entry(line);
    if (!entry) continue;
    const auto [block, is_new] = (is_class ? classes_ : vendors_).try_emplace(entry->number, Block{entry->name, {}});
    if (!is_new) continue;
    open = &block->second;
    start = end;
  }
  close(text_.data() + text_.size());
}

std::optional<std::string_view> HardwareIds::name_in(const Blocks& blocks, std::uint16_t number) {
  const auto found = blocks.find(number);
  return found == blocks.end() ? std::nullopt : std::optional(found->second.name);
}

std::optional<std::string_view> HardwareIds::vendor(std::uint16_t vendor) const { return name_in(vendors_, vendor); }

std::optional<std::string_view> HardwareIds::device(std::uint16_t vendor, std::uint16_t device) const {
  const auto found = vendors_.find(vendor);
  return found == vendors_.end() ? std::nullopt : find(found->second.below, device);
}

std::optional<std::string_view> HardwareIds::subsystem(std::uint16_t vendor, std::uint16_t device,
                                                       std::uint16_t card_vendor, std::uint16_t card) const {
  const auto found = vendors_.find(vendor);
  std::string_view lines;
  if (found == vendors_.end() || !find(found->second.below, device, &lines)) return std::nullopt;
  while (!lines.empty()) {
    auto line = take_until(lines, '\n');
    const auto depth = depth_of(line);
    if (depth == 1) break;
    if (depth != 2) continue;
    const auto maker = parse<std::uint16_t>(take_field(line), 16);
    const auto entry = parse_entry(line);
    if (maker == card_vendor && entry && entry->number == card) return entry->name;
  }
  return std::nullopt;
}

std::optional<std::string_view> HardwareIds::device_class(std::uint8_t number) const {
  return name_in(classes_, number);
}

std::optional<std::string_view> HardwareIds::subclass(std::uint8_t device_class, std::uint8_t number) const {
  const auto found = classes_.find(device_class);
  return found == classes_.end() ? std::nullopt : find(found->second.below, number);
}

Result<std::string> read_hardware_ids(const Root& root, std::string_view file_name) {
  const std::string name(file_name);
  for (const std::string folder : {"/usr/share/misc/", "/usr/share/hwdata/", "/usr/share/", "/var/lib/usbutils/"}) {
    auto content = root.read(folder + name, kCap);
    if (content) return std::move(content->bytes);
    if (!content.error().absent()) return std::unexpected(content.error());
  }
  return system_failure(ENOENT, name);
}

}  // namespace osprey::linux
