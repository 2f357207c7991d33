#include "events/enrich/user_names.h"

#include "linux/files/passwd.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kBetween = 1'000'000'000;

}  // namespace

std::string_view UserNames::name(std::uint32_t uid, std::uint64_t moment) {
  if (moment >= next_) {
    next_ = moment + kBetween;
    refresh();
  }
  const auto found = names_.find(uid);
  return found == names_.end() ? std::string_view() : found->second;
}

void UserNames::refresh() {
  const auto facts = root_.stat("/etc/passwd");
  const Version version =
      facts ? Version{facts->stx_ino, facts->stx_mtime.tv_sec, facts->stx_mtime.tv_nsec, facts->stx_size} : Version{};
  if (version == version_) return;
  auto accounts = linux::read_passwd(root_);
  if (!accounts) return;  // those from before are better than none
  version_ = version;
  names_.clear();
  for (auto& entry : accounts->entries) names_.try_emplace(entry.uid, std::move(entry.username));
}

}  // namespace osprey::events
