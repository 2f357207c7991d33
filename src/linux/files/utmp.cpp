#include "linux/files/utmp.h"

#include <unistd.h>
#include <utmp.h>

#include <cerrno>
#include <cstring>

namespace osprey::linux {
namespace {

constexpr std::size_t kRecordsPerBlock = 128;

// utmp's strings end at a NUL or fill their array.
template <std::size_t size>
std::string text_of(const char (&field)[size]) {
  return std::string(field, ::strnlen(field, size));
}

}  // namespace

const std::size_t kUtmpRecordSize = sizeof(utmp);

UtmpRecord parse_utmp_record(std::string_view bytes) {
  utmp record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return {.type = record.ut_type,
          .pid = record.ut_pid,
          .line = text_of(record.ut_line),
          .user = text_of(record.ut_user),
          .host = text_of(record.ut_host),
          .time = record.ut_tv.tv_sec};
}

Result<UtmpFile> UtmpFile::open(const Root& root, std::string_view path) {
  return UtmpFile(TRY(root.open(path)), path);
}

Result<std::optional<UtmpRecord>> UtmpFile::next(const Interrupt& interrupt) {
  while (left_over() < kUtmpRecordSize) {
    if (beyond_cap()) return std::nullopt;
    if (interrupt.requested()) return system_failure(ECANCELED, path_);
    buffer_.erase(0, std::exchange(position_, 0));
    const auto used = buffer_.size();
    buffer_.resize(kRecordsPerBlock * kUtmpRecordSize);
    const auto count = ::read(file_.get(), buffer_.data() + used, buffer_.size() - used);
    const int code = errno;
    buffer_.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && code == EINTR) continue;
    if (count < 0) return system_failure(code, path_);
    if (count == 0) return std::nullopt;
    total_ += static_cast<std::size_t>(count);
  }
  auto record = parse_utmp_record(std::string_view(buffer_).substr(position_, kUtmpRecordSize));
  position_ += kUtmpRecordSize;
  return record;
}

}  // namespace osprey::linux
