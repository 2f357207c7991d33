#include "linux/files/passwd.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Membership {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// The groups that list each user as a member, in the file's order.
std::unordered_map<std::string, std::vector<std::uint32_t>> groups_by_member(
    const std::vector<linux::GroupEntry>& groups) {
  std::unordered_map<std::string, std::vector<std::uint32_t>> found;
  for (const auto& group : groups)
    for (const auto& member : group.members) found[member].push_back(group.gid);
  return found;
}

// As getgrouplist(3) over the local files has it: the primary group first, then the others, none twice. Where several
// names share a user id, that id has the groups of all of them.
Rows<Membership> scan(const Scan& scan) {
  const auto users = scan.take(linux::read_passwd(scan.root()));
  const auto groups = scan.take(linux::read_group(scan.root()));
  if (!users) co_return;
  const auto supplementary = groups ? groups_by_member(groups->entries) : decltype(groups_by_member({})){};
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  for (const auto& user : users->entries) {
    if (!scan.matches("uid", std::int64_t{user.uid})) continue;
    std::vector<std::uint32_t> gids{user.gid};
    if (const auto found = supplementary.find(user.username); found != supplementary.end())
      gids.insert(gids.end(), found->second.begin(), found->second.end());
    for (const auto gid : gids) {
      if (!scan.matches("gid", std::int64_t{gid}) || !seen.emplace(user.uid, gid).second) continue;
      Membership membership{user.uid, gid};
      co_yield membership;
    }
  }
}

}  // namespace

Table user_groups() {
  return table("user_groups", "Which user belongs to which group, primary groups included.", scan)
      .column("uid", BIGINT, &Membership::uid, "User id.", INDEX | OPTIMIZED)
      .column("gid", BIGINT, &Membership::gid, "Id of a group that the user belongs to.", INDEX)
      .example("SELECT g.groupname FROM user_groups JOIN groups g USING (gid) WHERE uid = 0");
}

}  // namespace osprey::tables
