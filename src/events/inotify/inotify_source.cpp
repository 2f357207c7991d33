#include "events/inotify/inotify_source.h"

#include <algorithm>
#include <utility>

#include "base/clock_reading.h"
#include "events/inotify/inotify_watches.h"
#include "events/watch/directory_tree.h"
#include "events/watch/mount_watch.h"
#include "events/watch/paced_poll.h"

namespace osprey::events {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class InotifySource final : public Source {
 public:
  explicit InotifySource(const InotifyOptions& options) : options_(options) {}
  ~InotifySource() override { close(); }

  Origin origin() const noexcept override { return Origin::inotify; }
  Kinds offers() const override { return Kinds().set(kKind<FileEvent>); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return poll_.descriptor(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override { return reporter_.counts(); }
  void close() noexcept override;

 private:
  Result<void> start();
  DirectoryTree::Scope scope() const;

  const InotifyOptions options_;
  FileReporter reporter_{Origin::inotify};
  InotifyWatches watches_;
  DirectoryTree tree_{watches_, reporter_};
  MountWatch mount_watch_;
  PacedPoll poll_;
  std::vector<Mount> mounts_;
  std::unique_ptr<WatchPatterns> patterns_;
  bool accesses_ = false;
};

Result<void> InotifySource::start() {
  if (tree_.is_open()) return {};
  auto opened = [&]() -> Result<void> {
    TRY(tree_.open());
    TRY(mount_watch_.open());
    TRY(poll_.open(options_.pace));
    TRY(poll_.add_paced(tree_.descriptor()));
    return poll_.add(mount_watch_.descriptor());
  }();
  if (!opened) close();
  return opened;
}

DirectoryTree::Scope InotifySource::scope() const {
  return {{"/"}, mounted_files(mounts_, *patterns_), avoided_mounts(mounts_, patterns_->bases()), accesses_};
}

Result<void> InotifySource::open(const Demand& demand) {
  TRY(start());
  mounts_ = TRY(mount_watch_.read());
  auto patterns = std::make_unique<WatchPatterns>(demand.watched, options_.meaning);
  accesses_ = has_accesses(demand.watched);
  reporter_.watch(demand.watched);
  std::swap(patterns_, patterns);
  tree_.watch(*patterns_, scope());
  return {};
}

Result<bool> InotifySource::next(EventSink& sink, std::size_t most) {
  poll_.begin();
  const auto before = reporter_.kept();
  const auto more = TRY(tree_.next(sink, most));
  if (mount_watch_.changed()) {
    auto mounts = TRY(mount_watch_.read());
    const auto points = changed_points(mounts_, mounts);
    mounts_ = std::move(mounts);
    tree_.remounted(scope(), points, &sink, clock_nanoseconds(CLOCK_REALTIME) - kSecond);
  }
  if (!more) poll_.end(reporter_.kept() != before);
  return more;
}

void InotifySource::close() noexcept {
  poll_.close();
  mount_watch_.close();
  tree_.close();
}

}  // namespace

std::unique_ptr<Source> inotify_source(const InotifyOptions& options) {
  return std::make_unique<InotifySource>(options);
}

}  // namespace osprey::events
