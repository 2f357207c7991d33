#include <deque>
#include <memory>

#include "linux/files/digest_pool.h"
#include "tables/files/asked_paths.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::DigestKind;
using linux::DigestPool;

struct Handle {
  std::string path;
  std::string directory;
  std::shared_ptr<DigestPool::Job> job;
  DigestPool* pool;
  bool asked = false;  // the query read a digest of this row

  template <DigestKind kind>
  Result<std::string> digest() {
    asked = true;
    const auto& result = pool->finish(job);
    if (!result) return std::unexpected(result.error());
    return result->digests[kind];
  }
  Result<bool> cached() {
    asked = true;
    const auto& result = pool->finish(job);
    if (!result) return std::unexpected(result.error());
    return result->cached;
  }
};

linux::DigestSet asked_digests(const Scan& scan) {
  linux::DigestSet kinds;
  if (scan.wants("md5")) kinds.add(DigestKind::md5);
  if (scan.wants("sha1")) kinds.add(DigestKind::sha1);
  if (scan.wants("sha512")) kinds.add(DigestKind::sha512);
  // `cached` alone is asked about some digest.
  if (scan.wants("sha256") || kinds.empty()) kinds.add(DigestKind::sha256);
  return kinds;
}

Rows<Handle> scan(const Scan& scan) {
  auto walk = asked_paths(scan);
  DigestPool pool(scan.root(), asked_digests(scan), scan.service<linux::DigestCache>(), scan.service<linux::IoBudget>(),
                  scan.interrupt());
  // Files are hashed ahead of the reader for as long as it reads every row's digests, more with each row. A query that
  // leaves rows out, or ends early, has little done for nothing.
  constexpr std::size_t kMostAhead = 16;
  std::size_t ahead = 0;
  std::deque<Handle> files;
  for (bool more = true;;) {
    while (more && files.size() <= ahead) {
      more = next_regular(walk);
      if (!more) break;
      files.push_back({std::string(walk.path()), std::string(walk.directory()),
                       std::make_shared<DigestPool::Job>(std::string(walk.path())), &pool});
      if (ahead > 0) pool.start(files.back().job);
    }
    if (files.empty()) break;
    auto& handle = files.front();
    co_yield handle;
    ahead = handle.asked ? std::min(2 * ahead + 2, kMostAhead) : 0;
    files.pop_front();
  }
}

}  // namespace

Table hash() {
  return table("hash", "Digests of regular files.", scan)
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED | OPTIMIZED)
      .column("directory", TEXT, &Handle::directory,
              "The directory it is in. Asked by = or LIKE it gives the files directly in that directory.",
              REQUIRED | OPTIMIZED)
      .column("md5", TEXT, &Handle::digest<DigestKind::md5>, "MD5 digest, in hexadecimal.", NOCASE)
      .column("sha1", TEXT, &Handle::digest<DigestKind::sha1>, "SHA-1 digest, in hexadecimal.", NOCASE)
      .column("sha256", TEXT, &Handle::digest<DigestKind::sha256>, "SHA-256 digest, in hexadecimal.", NOCASE)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column("sha512", &Handle::digest<DigestKind::sha512>, "SHA-512 digest, in hexadecimal.", HIDDEN | NOCASE)
      .column("cached", INTEGER, &Handle::cached,
              "1 if the file has not changed since it was last read and was not read again.", HIDDEN)
      .example("SELECT path, sha256 FROM hash WHERE path LIKE '/usr/local/bin/%'")
      .example("SELECT p.pid, p.path, h.sha256 FROM processes p JOIN hash h ON h.path = p.path")
      .note("Only the digests that a query reads are computed, all in one pass over the file, two files at a time.");
}

}  // namespace osprey::tables
