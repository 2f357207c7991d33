#include "linux/packages/rpm_database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "linux/files/sqlite.h"

namespace osprey::linux {
namespace {

std::uint32_t little_endian(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

// SQLite: the table Packages has the records, the table Name their numbers by name (rpm's lib/backend/sqlite.c).
class SqliteRecords : public RpmRecords {
 public:
  static Result<std::unique_ptr<RpmRecords>> open(const Root& root, const std::string& path,
                                                  const std::optional<std::vector<std::string>>& names,
                                                  const Interrupt& interrupt) {
    // Not within the new-expression: what it had allocated would be lost when TRY returns.
    auto file = TRY(SqliteFile::open(root, path, interrupt));
    std::unique_ptr<SqliteRecords> records(new SqliteRecords(std::move(file)));
    records->names_ = names;
    records->query_ = TRY(records->file_.query(
        names ? "SELECT blob FROM Packages WHERE hnum IN (SELECT hnum FROM Name WHERE key = ?1) ORDER BY hnum"
              : "SELECT blob FROM Packages ORDER BY hnum"));
    if (names) records->next_name_ = 0;
    return records;
  }

  Result<std::optional<std::string_view>> next() override {
    for (;;) {
      if (names_ && !running_) {
        if (next_name_ == names_->size()) return std::nullopt;
        query_.rewind();
        query_.bind(1, (*names_)[next_name_++]);
      }
      running_ = TRY(query_.next());
      if (running_) return query_.bytes(0);
      if (!names_) return std::nullopt;
    }
  }

 private:
  explicit SqliteRecords(SqliteFile file) : file_(std::move(file)) {}

  SqliteFile file_;
  SqliteFile::Query query_;
  std::optional<std::vector<std::string>> names_;
  std::size_t next_name_ = 0;
  bool running_ = false;
};

class NdbRecords : public RpmRecords {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSlot = 16;
  static constexpr std::size_t kBlock = 16;
  static constexpr std::size_t kHeader = 32;

  explicit NdbRecords(RandomAccess file) : file_(std::move(file)) {}

  Result<void> start() {
    std::string header;
    if (!file_.read(0, kHeader, header) || !header.starts_with("RpmP")) return failure("", "is no ndb database");
    if (const auto version = little_endian(header, 4))
      return failure("", "is an ndb database of unknown version " + std::to_string(version));
    pages_ = little_endian(header, 12);
    return {};
  }

  Result<std::optional<std::string_view>> next() override {
    for (;; at_ += kSlot) {
      if (at_ + kSlot > page_.size()) {
        if (next_page_ == pages_) return std::nullopt;
        if (!file_.read(std::uint64_t{next_page_} * kPage, kPage, page_)) {
          next_page_ = pages_;
          page_.clear();
          return failure("", "ends within its table of packages");
        }
        at_ = next_page_++ == 0 ? kHeader : 0;
      }
      const std::string_view slot = std::string_view(page_).substr(at_, kSlot);
      const auto number = little_endian(slot, 4);
      if (!slot.starts_with("Slot") || number == 0) continue;
      at_ += kSlot;
      // A broken record is handed out empty: the caller counts it with those that do not parse.
      if (!read_record(number, std::uint64_t{little_endian(slot, 8)} * kBlock)) record_.clear();
      return record_;
    }
  }

 private:
  bool read_record(std::uint32_t number, std::uint64_t offset) {
    constexpr std::size_t kHead = 16;
    if (!file_.read(offset, kHead, record_) || !record_.starts_with("BlbS") || little_endian(record_, 4) != number)
      return false;
    const auto size = little_endian(record_, 12);
    return size <= RpmHeader::kCap && file_.read(offset + kHead, size, record_);
  }

  RandomAccess file_;
  std::uint32_t pages_ = 0;
  std::uint32_t next_page_ = 0;
  std::string page_;
  std::size_t at_ = 0;
  std::string record_;
};

// Every page is visited in the file's order; buckets and the hash itself do not matter to who wants all records.
class BerkeleyRecords : public RpmRecords {
 public:
  explicit BerkeleyRecords(RandomAccess file) : file_(std::move(file)) {}

  Result<void> start() {
    constexpr std::uint32_t kHashMagic = 0x061561;
    std::string meta;
    if (!file_.read(0, 512, meta)) return failure("", "is no Berkeley database");
    swapped_ = word(meta, 12) != kHashMagic;
    if (word(meta, 12) != kHashMagic) return failure("", "is no Berkeley database of the hash kind");
    constexpr unsigned char kEncryption = 24;
    if (meta[kEncryption] != 0) return failure("", "is an encrypted Berkeley database");
    page_size_ = word(meta, 20);
    if (page_size_ < 512 || page_size_ > 65536 || (page_size_ & (page_size_ - 1)))
      return failure("", "is a Berkeley database with pages of " + std::to_string(page_size_) + " bytes");
    last_page_ = word(meta, 32);
    return {};
  }

  Result<std::optional<std::string_view>> next() override {
    for (;;) {
      while (entry_ + 1 < entries_) {
        const auto key = entry_;
        entry_ += 2;
        if (is_counter(key)) continue;
        if (!read_value(key + 1)) record_.clear();
        return record_;
      }
      if (page_number_ == last_page_) return std::nullopt;
      if (!file_.read(std::uint64_t{++page_number_} * page_size_, page_size_, page_)) {
        page_number_ = last_page_;
        entries_ = 0;
        return failure("", "ends before its last page");
      }
      entry_ = 0;
      entries_ = 0;
      constexpr char kHashUnsorted = 2;
      constexpr char kHash = 13;
      if (page_[25] != kHash && page_[25] != kHashUnsorted) continue;
      entries_ = std::min<std::size_t>(half(page_, 20), (page_size_ - kPageHeader) / 2);
    }
  }

 private:
  static constexpr std::size_t kPageHeader = 26;
  static constexpr char kInline = 1;
  static constexpr char kOffPage = 3;

  std::uint16_t half(std::string_view bytes, std::size_t offset) const {
    const auto low = static_cast<unsigned char>(bytes[offset + (swapped_ ? 1 : 0)]);
    const auto high = static_cast<unsigned char>(bytes[offset + (swapped_ ? 0 : 1)]);
    return static_cast<std::uint16_t>(high << 8 | low);
  }
  std::uint32_t word(std::string_view bytes, std::size_t offset) const {
    const auto value = little_endian(bytes, offset);
    return swapped_ ? __builtin_bswap32(value) : value;
  }

  // Items lie back to back from the page's end: one ends where its forerunner begins.
  std::string_view item(std::size_t entry) const {
    const std::size_t begin = half(page_, kPageHeader + 2 * entry);
    const std::size_t end = entry == 0 ? page_size_ : half(page_, kPageHeader + 2 * (entry - 1));
    return begin < end && end <= page_size_ ? std::string_view(page_).substr(begin, end - begin) : std::string_view();
  }

  // Record number 0 holds the next free number.
  bool is_counter(std::size_t key) const { return item(key) == std::string_view("\1\0\0\0\0", 5); }

  bool read_value(std::size_t entry) {
    const auto value = item(entry);
    if (value.empty()) return false;
    if (value[0] == kInline) {
      record_ = value.substr(1);
      return true;
    }
    if (value[0] != kOffPage || value.size() < 12) return false;
    const std::size_t size = word(value, 8);
    if (size > RpmHeader::kCap) return false;
    record_.clear();
    std::string page;
    // Each page of the chain brings at least a byte, so that a loop ends at the record's size.
    for (auto number = word(value, 4); record_.size() < size; number = word(page, 16)) {
      constexpr char kOverflow = 7;
      if (number == 0 || !file_.read(std::uint64_t{number} * page_size_, page_size_, page)) return false;
      const std::size_t count = half(page, 22);
      if (page[25] != kOverflow || count == 0 || count > page_size_ - kPageHeader) return false;
      record_.append(page, kPageHeader, count);
    }
    return record_.size() == size;
  }

  RandomAccess file_;
  bool swapped_ = false;
  std::size_t page_size_ = 0;
  std::uint32_t last_page_ = 0;
  std::uint32_t page_number_ = 0;
  std::string page_;
  std::size_t entry_ = 0;
  std::size_t entries_ = 0;
  std::string record_;
};

template <class Records>
Result<std::unique_ptr<RpmRecords>> started(RandomAccess file) {
  auto records = std::make_unique<Records>(std::move(file));
  TRY(records->start());
  return records;
}

}  // namespace

RandomAccess::RandomAccess(UniqueFd file) : file_(std::move(file)) {
  struct stat info;
  if (::fstat(file_.get(), &info) == 0) size_ = static_cast<std::uint64_t>(info.st_size);
}

bool RandomAccess::read(std::uint64_t offset, std::size_t size, std::string& out) const {
  if (offset > size_ || size > size_ - offset) return false;
  if (!file_) {
    out = bytes_.substr(offset, size);
    return true;
  }
  out.resize(size);
  for (std::size_t done = 0; done < size;) {
    const auto count = ::pread(file_.get(), out.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

Result<std::unique_ptr<RpmRecords>> ndb_records(RandomAccess file) { return started<NdbRecords>(std::move(file)); }

Result<std::unique_ptr<RpmRecords>> berkeley_records(RandomAccess file) {
  return started<BerkeleyRecords>(std::move(file));
}

RpmDatabase::RpmDatabase(std::string path, std::unique_ptr<RpmRecords> records, const Interrupt& interrupt,
                         std::function<void(const Error&)> on_error)
    : path_(std::move(path)), records_(std::move(records)), interrupt_(&interrupt), on_error_(std::move(on_error)) {}

Result<RpmDatabase> RpmDatabase::open(const Root& root, const std::optional<std::vector<std::string>>& names,
                                      const Interrupt& interrupt, std::function<void(const Error&)> on_error) {
  using Open = Result<std::unique_ptr<RpmRecords>> (*)(RandomAccess);
  struct Format {
    std::string_view file;
    Open open;  // null: SQLite
  };
  static constexpr std::array<Format, 3> kFormats = {
      {{"rpmdb.sqlite", nullptr}, {"Packages.db", ndb_records}, {"Packages", berkeley_records}}};
  for (const std::string_view directory : {"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"}) {
    for (const auto& format : kFormats) {
      std::string path(directory);
      path.append("/").append(format.file);
      auto file = root.open(path);
      if (!file && file.error().absent()) continue;
      if (!file) return std::unexpected(file.error());
      auto records =
          format.open ? format.open(RandomAccess(std::move(*file))) : SqliteRecords::open(root, path, names, interrupt);
      if (!records) {
        auto error = records.error();
        error.subject = path;
        return std::unexpected(std::move(error));
      }
      return RpmDatabase(path, std::move(*records), interrupt, std::move(on_error));
    }
  }
  return system_failure(ENOENT, "/var/lib/rpm");
}

std::optional<RpmHeader> RpmDatabase::next() {
  while (!interrupt_->requested()) {
    auto record = records_->next();
    if (!record) {
      record.error().subject = path_;
      on_error_(record.error());
      break;
    }
    if (!*record) break;
    if (const auto header = RpmHeader::parse(**record)) return *header;
    ++malformed_;
  }
  if (malformed_) on_error_(failure(path_, std::to_string(malformed_) + " packages could not be parsed").error());
  malformed_ = 0;
  return std::nullopt;
}

}  // namespace osprey::linux
