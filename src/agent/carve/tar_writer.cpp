#include "agent/carve/tar_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>

namespace osprey::agent {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::size_t kName = 100;
constexpr std::size_t kPrefix = 155;
constexpr std::uint64_t kMostSize = 0777'7777'7777;  // of the header's fields; more goes into the pax header
constexpr std::uint64_t kMostId = 0777'777;

std::uint64_t padding_of(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

// The header's two fields for a name, which the reader joins with a slash; empty where it does not fit them.
struct Name {
  std::string_view prefix;
  std::string_view name;
};
std::optional<Name> split(std::string_view name) {
  if (name.size() <= kName) return Name{{}, name};
  // The first slash that leaves a short enough name behind it.
  const auto slash = name.find('/', name.size() - kName - 1);
  if (slash == name.npos || slash == 0 || slash > kPrefix || slash + 1 == name.size()) return std::nullopt;
  return Name{name.substr(0, slash), name.substr(slash + 1)};
}

// "LENGTH KEY=VALUE\n", the length its own digits included.
std::string record(std::string_view key, std::string_view value) {
  const auto rest = key.size() + value.size() + 3;
  auto length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length) ++length;
  return fmt::format("{} {}={}\n", length, key, value);
}

// Seconds with as many decimals as it takes.
std::string decimal(const timespec& time) {
  auto text = fmt::format("{}.{:09}", time.tv_sec, time.tv_nsec);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

class Header {
 public:
  Header(const Name& name, const struct stat& facts, std::uint64_t size, char type) {
    const auto id = [](std::uint64_t number) { return fmt::format("{:06o} ", std::min(number, kMostId)); };
    const auto seconds = std::clamp<std::int64_t>(facts.st_mtim.tv_sec, 0, kMostSize);
    put(0, name.name);
    put(100, fmt::format("{:06o} ", facts.st_mode & 07777));
    put(108, id(facts.st_uid));
    put(116, id(facts.st_gid));
    put(124, fmt::format("{:011o} ", std::min(size, kMostSize)));
    put(136, fmt::format("{:011o} ", seconds));
    put(148, "        ");
    put(156, {&type, 1});
    put(257, {"ustar\0"
              "00",
              8});
    put(329, "000000 ");
    put(337, "000000 ");
    put(345, name.prefix);
    unsigned sum = 0;
    for (const char c : bytes_) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}{}", sum, '\0'));
  }
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  void put(std::size_t where, std::string_view text) { text.copy(bytes_.data() + where, text.size()); }
  std::array<char, kBlock> bytes_{};
};

std::string extended(std::string_view name, bool fits, const struct stat& facts, std::uint64_t size) {
  std::string records;
  if (!fits) records += record("path", name);
  if (facts.st_gid > kMostId) records += record("gid", fmt::format("{}", facts.st_gid));
  if (facts.st_uid > kMostId) records += record("uid", fmt::format("{}", facts.st_uid));
  if (size > kMostSize) records += record("size", fmt::format("{}", size));
  records += record("ctime", decimal(facts.st_ctim));
  records += record("atime", decimal(facts.st_atim));
  records += record("mtime", decimal(facts.st_mtim));
  return records;
}

// What the extended header itself is called, for readers that do not know it.
std::string extended_name(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == name.npos ? fmt::format("PaxHeader/{}", name)
                            : fmt::format("{}/PaxHeader/{}", name.substr(0, slash), name.substr(slash + 1));
}

Name cut(std::string_view name) { return {{}, name.substr(0, kName)}; }

}  // namespace

Result<void> TarWriter::begin(std::string_view name, const struct stat& facts, std::uint64_t size) {
  const auto parts = split(name);
  const auto records = extended(name, parts.has_value(), facts, size);
  const auto records_name = extended_name(name);
  auto plain = facts;
  plain.st_mode = 0644;
  plain.st_uid = plain.st_gid = 0;
  TRY(sink_(Header(split(records_name).value_or(cut(records_name)), plain, records.size(), 'x').bytes()));
  TRY(sink_(records));
  TRY(zeros(padding_of(records.size())));
  TRY(sink_(Header(parts.value_or(cut(name)), facts, size, '0').bytes()));
  left_ = size;
  padding_ = padding_of(size);
  return {};
}

Result<void> TarWriter::add(std::string_view bytes) {
  left_ -= bytes.size();
  return sink_(bytes);
}

Result<void> TarWriter::end() { return zeros(std::exchange(left_, 0) + std::exchange(padding_, 0)); }

Result<void> TarWriter::finish() { return zeros(2 * kBlock); }

Result<void> TarWriter::zeros(std::uint64_t count) {
  static constexpr std::array<char, 8192> kZeros{};
  while (count > 0) {
    const auto some = std::min<std::uint64_t>(count, kZeros.size());
    TRY(sink_({kZeros.data(), some}));
    count -= some;
  }
  return {};
}

}  // namespace osprey::agent
