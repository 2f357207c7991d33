// Both sources of file events against the kernel, as root: what a program did is what is told.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "events/fanotify/fanotify_source.h"
#include "events/inotify/inotify_source.h"
#include "events/watch/file_reporter.h"
#include "events/watch/testing.h"

namespace osprey::events {
namespace {

using events::testing::FileRow;
using events::testing::FileSink;
using events::testing::text_of;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

enum class Which { fanotify, fanotify_before_5_17, inotify, overlay };

const char* name_of(Which which) {
  constexpr std::array kNames = {"fanotify", "fanotify_before_5_17", "inotify", "overlay"};
  return kNames[static_cast<std::size_t>(which)];
}

std::unique_ptr<Source> make(Which which) {
  if (which == Which::inotify) return inotify_source({});
  // The tests act themselves: their acts are not left out.
  return fanotify_source({.own_pid = 0, .renames = which != Which::fanotify_before_5_17});
}

// EVT-08, EVT-47, FIL-09.
class FileSources : public events::testing::OwnMounts, public ::testing::WithParamInterface<Which> {
 protected:
  FileSources() {
    // What cannot be marked as a whole: each inode is.
    if (GetParam() == Which::overlay) mount_overlay(top + "/merged", own + "/layers");
    if (GetParam() == Which::overlay) top += "/merged";
    watched = top + "/watched";
    fs::create_directory(watched);
  }
  ~FileSources() override { top = own; }
  void mount_overlay(const std::string& point, const std::string& layers) {
    for (const auto* name : {"/lower", "/upper", "/work"}) fs::create_directories(layers + name);
    mount("overlay", point, fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", layers));
  }

  void open(const std::vector<WatchedCategory>& categories) {
    Demand demand;
    demand.kinds.set(kKind<FileEvent>);
    demand.watched = categories;
    const auto opened = source->open(demand);
    ASSERT_TRUE(opened) << opened.error().text();
  }
  void open() { open({{"files", {watched + "/%%"}, {}}}); }

  std::vector<FileRow> take() {
    sink.rows.clear();
    for (int i = 0; i < 100000; ++i) {
      const auto more = source->next(sink, 1000);
      EXPECT_TRUE(more) << more.error().text();
      if (!more || !*more) break;
    }
    return std::move(sink.rows);
  }
  // Each once, in order of the text, with paths relative to `top`.
  std::vector<std::string> told() { return texts(take()); }
  std::vector<std::string> texts(const std::vector<FileRow>& rows) const {
    std::set<std::string> all;
    for (const auto& row : rows)
      all.insert(text_of(row.action, row.path.starts_with(top + "/") ? row.path.substr(top.size() + 1) : row.path));
    return {all.begin(), all.end()};
  }
  bool wait(std::chrono::milliseconds time) const {
    pollfd polled{source->descriptor(), POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(time.count())) > 0;
  }
  // Until the source has come to know of what was mounted.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      wait(100ms);
      take();
    }
  }

  static void write(const std::string& path, std::string_view bytes = "x") {
    const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0) << path;
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }

  const std::string own = top;  // a filesystem that can be marked, with what `top` is on
  std::string watched;
  FileSink sink;
  std::unique_ptr<Source> source = make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(, FileSources,
                         ::testing::Values(Which::fanotify, Which::fanotify_before_5_17, Which::inotify,
                                           Which::overlay),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(FileSources, EachActionOnAFile) {
  open();
  write(watched + "/a");
  EXPECT_THAT(told(), ElementsAre("created watched/a", "updated watched/a"));
  write(watched + "/a", "more");
  EXPECT_THAT(told(), ElementsAre("updated watched/a"));
  fs::permissions(watched + "/a", fs::perms::owner_all);
  EXPECT_THAT(told(), ElementsAre("attributes watched/a"));
  fs::create_hard_link(watched + "/a", watched + "/link");
  EXPECT_THAT(told(), ElementsAre("created watched/link"));
  fs::remove(watched + "/link");
  EXPECT_THAT(told(), ElementsAre("deleted watched/link"));
  fs::create_symlink("a", watched + "/soft");
  EXPECT_THAT(told(), ElementsAre("created watched/soft"));
  fs::resize_file(watched + "/a", 100);
  auto rows = take();
  EXPECT_THAT(texts(rows), ElementsAre("updated watched/a"));
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.front().file.size, 100);
  EXPECT_EQ(rows.front().file.mode, S_IFREG | 0700);
  struct stat info{};
  ::stat((watched + "/a").c_str(), &info);
  EXPECT_EQ(rows.front().file.inode, info.st_ino);
  EXPECT_EQ(rows.front().file.device, info.st_dev);
  EXPECT_EQ(rows.front().file.uid, 0U);
  EXPECT_EQ(rows.front().file.mtime, info.st_mtime);
  fs::remove(watched + "/a");
  EXPECT_THAT(told(), ElementsAre("deleted watched/a"));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_P(FileSources, RenamesAreJoined) {
  fs::create_directory(top + "/outside");
  open();
  write(watched + "/a");
  take();
  fs::rename(watched + "/a", watched + "/b");
  auto rows = take();
  EXPECT_THAT(texts(rows), ElementsAre("from watched/a", "to watched/b"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NE(rows[0].transaction, 0U);
  EXPECT_EQ(rows[0].transaction, rows[1].transaction);
  EXPECT_EQ(rows[1].old_path, watched + "/a");
  fs::rename(watched + "/b", top + "/outside/b");
  EXPECT_THAT(told(), ElementsAre("from watched/b"));
  fs::rename(top + "/outside/b", watched + "/c");
  EXPECT_THAT(told(), ElementsAre("to watched/c"));
}

TEST_P(FileSources, DirectoriesThatMove) {
  fs::create_directories(watched + "/d/deep");
  fs::create_directories(top + "/outside/d/deep");
  write(top + "/outside/d/deep/old");
  open();
  write(watched + "/d/deep/a");
  take();
  fs::rename(watched + "/d", watched + "/e");
  EXPECT_THAT(told(), ElementsAre("from watched/d", "to watched/e"));
  write(watched + "/e/deep/a");
  EXPECT_THAT(told(), ElementsAre("updated watched/e/deep/a"));
  // In, with what is in it.
  fs::rename(top + "/outside/d", watched + "/in");
  EXPECT_THAT(told(), Contains("to watched/in"));
  write(watched + "/in/deep/old");
  EXPECT_THAT(told(), ElementsAre("updated watched/in/deep/old"));
  // Out.
  fs::rename(watched + "/in", top + "/outside/d");
  EXPECT_THAT(told(), ElementsAre("from watched/in"));
  write(top + "/outside/d/deep/old");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_P(FileSources, DirectoriesThatChangePlaces) {
  for (const auto* name : {"/a", "/b"}) fs::create_directories(watched + name + std::string("/sub"));
  open();
  write(watched + "/a/sub/1");
  write(watched + "/b/sub/2");
  take();
  ASSERT_EQ(
      ::syscall(SYS_renameat2, AT_FDCWD, (watched + "/a").c_str(), AT_FDCWD, (watched + "/b").c_str(), RENAME_EXCHANGE),
      0);
  take();
  write(watched + "/b/sub/1");
  write(watched + "/a/sub/2");
  EXPECT_THAT(told(), ElementsAre("updated watched/a/sub/2", "updated watched/b/sub/1"));
}

TEST_P(FileSources, TheWatchedDirectoryGoesAndComesBack) {
  open({{"files", {watched + "/%%"}, {}}, {"itself", {watched}, {}}});
  write(watched + "/a");
  take();
  fs::remove_all(watched);
  EXPECT_THAT(told(), ElementsAre("deleted watched", "deleted watched/a"));
  fs::create_directory(watched);
  EXPECT_THAT(told(), ElementsAre("created watched"));
  write(watched + "/a");
  EXPECT_THAT(told(), ElementsAre("created watched/a", "updated watched/a"));
  fs::rename(watched, top + "/elsewhere");
  EXPECT_THAT(told(), ElementsAre("from watched"));
  write(top + "/elsewhere/a");
  EXPECT_THAT(told(), IsEmpty());
  fs::rename(top + "/elsewhere", watched);
  EXPECT_THAT(told(), Contains("to watched"));
  write(watched + "/a");
  EXPECT_THAT(told(), ElementsAre("updated watched/a"));
}

TEST_P(FileSources, NamesAreBytes) {
  open();
  const std::string name = "/a\n\xff %s\x01";
  write(watched + name);
  EXPECT_THAT(told(), ElementsAre("created watched" + name, "updated watched" + name));
  fs::create_directory(watched + "/\xfe");
  take();
  write(watched + "/\xfe" + name);
  EXPECT_THAT(told(), Contains("created watched/\xfe" + name));
  const std::string longest(255, 'n');
  write(watched + "/" + longest);
  EXPECT_THAT(told(), Contains("created watched/" + longest));
}

TEST_P(FileSources, DeepTrees) {
  std::string path = watched;
  for (int i = 0; i < 60; ++i) path += "/d" + std::to_string(i);
  fs::create_directories(path);
  open();
  write(path + "/file");
  EXPECT_THAT(told(), Contains("created " + path.substr(top.size() + 1) + "/file"));
}

TEST_P(FileSources, OverlappingCategoriesEachHaveTheirRow) {
  fs::create_directories(watched + "/ssh");
  open({{"all", {watched + "/%%"}, {watched + "/cache"}},
        {"ssh", {watched + "/ssh/%_config"}, {}},
        {"reads", {watched + "/ssh/%%"}, {}, true}});
  write(watched + "/ssh/sshd_config");
  std::set<std::string> categories;
  for (const auto& row : take()) categories.insert(text_of(row.action, row.category));
  EXPECT_THAT(categories, UnorderedElementsAre("created all", "updated all", "created ssh", "updated ssh",
                                               "created reads", "updated reads", "opened reads"));
  fs::create_directory(watched + "/cache");
  write(watched + "/cache/x");
  EXPECT_THAT(told(), IsEmpty()) << "excluded";
  const int fd = ::open((watched + "/ssh/sshd_config").c_str(), O_RDONLY | O_CLOEXEC);
  char byte = 0;
  EXPECT_EQ(::read(fd, &byte, 1), 1);
  ::close(fd);
  categories.clear();
  for (const auto& row : take()) categories.insert(text_of(row.action, row.category));
  EXPECT_THAT(categories, UnorderedElementsAre("opened reads", "accessed reads"));
}

TEST_P(FileSources, ContentIsHashedWhereTheDemandSaysSo) {
  fs::create_directory(watched + "/directory");
  open({{.name = "digests", .patterns = {watched + "/%%"}, .excluded = {}, .digests = true},
        {.name = "none", .patterns = {watched + "/%%"}, .excluded = {}},
        {.name = "reads", .patterns = {watched + "/%%"}, .excluded = {}, .accesses = true, .digests = true}});
  const auto hashed = [this] {
    std::set<std::string> those;
    for (const auto& row : take())
      if (row.to_hash) those.insert(text_of(row.action, row.category));
    return those;
  };
  write(watched + "/directory/file");
  EXPECT_THAT(hashed(), UnorderedElementsAre("created digests", "updated digests"));
  fs::create_directory(watched + "/directory/another");
  fs::rename(watched + "/directory/file", watched + "/directory/moved");
  EXPECT_THAT(hashed(), IsEmpty());
}

TEST_P(FileSources, WildcardsInTheMiddleFindWhatComesLater) {
  open({{"keys", {watched + "/home/%/.ssh/%"}, {}}});
  fs::create_directories(watched + "/home/ann/.ssh");
  take();
  fs::create_directories(watched + "/home/ann/other");
  write(watched + "/home/ann/other/x");
  write(watched + "/home/ann/.ssh/authorized_keys");
  EXPECT_THAT(told(), ElementsAre("created watched/home/ann/.ssh/authorized_keys",
                                  "updated watched/home/ann/.ssh/authorized_keys"));
}

TEST_P(FileSources, ADemandMayChange) {
  fs::create_directory(top + "/second");
  open();
  open({{"second", {top + "/second/%%"}, {}}});
  write(watched + "/a");
  write(top + "/second/b");
  EXPECT_THAT(told(), ElementsAre("created second/b", "updated second/b"));
  open({{"files", {watched + "/%%"}, {}}, {"second", {top + "/second/%%"}, {}}});
  write(watched + "/a");
  write(top + "/second/b");
  EXPECT_THAT(told(), ElementsAre("updated second/b", "updated watched/a"));
}

// Mounts that appear below what is watched, overlay included.
TEST_P(FileSources, MountsThatAppear) {
  fs::create_directories(watched + "/m/under");
  open();
  mount("tmpfs", watched + "/m");
  settle();
  fs::create_directory(watched + "/m/d");
  take();
  write(watched + "/m/d/a");
  EXPECT_THAT(told(), IsSupersetOf({"created watched/m/d/a", "updated watched/m/d/a"}));

  fs::create_directories(own + "/other/lower");
  write(own + "/other/lower/base");
  mount_overlay(watched + "/merged", own + "/other");
  settle();
  fs::create_directory(watched + "/merged/d");
  take();
  const auto child = ::fork();
  if (child == 0) {
    write(watched + "/merged/new");
    write(watched + "/merged/base", "copied up");
    ::chmod((watched + "/merged/d").c_str(), 0700);
    ::rename((watched + "/merged/new").c_str(), (watched + "/merged/d/new").c_str());
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  auto rows = take();
  EXPECT_THAT(texts(rows),
              IsSupersetOf({"created watched/merged/new", "updated watched/merged/base", "attributes watched/merged/d",
                            "from watched/merged/new", "to watched/merged/d/new"}));
  for (const auto& row : rows) {
    EXPECT_EQ(row.process.pid, GetParam() == Which::inotify || GetParam() == Which::fanotify_before_5_17 ? 0 : child)
        << row.path;
    EXPECT_EQ(row.old_path, row.action == FileAction::moved_to ? watched + "/merged/new" : "");
  }
  unmount(watched + "/merged");

  unmount(watched + "/m");
  settle();
  write(watched + "/m/under/a");
  EXPECT_THAT(told(), IsSupersetOf({"created watched/m/under/a"}));
}

// A directory seen in two places.
TEST_P(FileSources, BindMounts) {
  fs::create_directories(top + "/data/in");
  mount("bind", watched + "/bound", "", top + "/data");
  open();
  write(watched + "/bound/in/a");
  EXPECT_THAT(told(), IsSupersetOf({"created watched/bound/in/a"}));
  write(top + "/data/in/b");
  EXPECT_THAT(told(), IsSupersetOf({"created watched/bound/in/b"})) << "by its other path";
}

// A file that is mounted on another, as containers have it with /etc/hosts: what is done to it is told where it is
// seen, whatever way it is done. Namespaces that are kept by a mount are no files.
TEST_P(FileSources, MountedFiles) {
  fs::create_directory(top + "/data");
  for (const auto& name : {"/data/hosts", "/data/names", "/watched/hosts", "/watched/names", "/watched/space"})
    write(top + name);
  mount("bind", watched + "/hosts", "", top + "/data/hosts");
  mount("bind", watched + "/space", "", "/proc/self/ns/net");
  open({{"files", {watched + "/%"}, {}}});
  const auto by_child = [](const auto& act) {
    const auto child = ::fork();
    if (child == 0) {
      act();
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    return child;
  };
  auto child = by_child([&] { write(top + "/data/hosts", "by its other path"); });
  auto rows = take();
  EXPECT_THAT(texts(rows), ElementsAre("updated watched/hosts"));
  for (const auto& row : rows) {
    EXPECT_EQ(row.process.pid, GetParam() == Which::inotify || GetParam() == Which::fanotify_before_5_17 ? 0 : child);
    EXPECT_EQ(row.file.size, 17);
  }
  write(watched + "/hosts", "here");
  fs::permissions(watched + "/hosts", fs::perms::owner_all);
  EXPECT_THAT(told(), ElementsAre("attributes watched/hosts", "updated watched/hosts"));

  // It appears, changes and goes.
  mount("bind", watched + "/names", "", top + "/data/names");
  settle();
  write(top + "/data/names", "more");
  EXPECT_THAT(told(), ElementsAre("updated watched/names"));
  unmount(watched + "/names");
  settle();
  write(top + "/data/names", "and more");
  EXPECT_THAT(told(), IsEmpty());
  write(watched + "/names", "what it hid");
  EXPECT_THAT(told(), ElementsAre("updated watched/names"));
  // Its name goes elsewhere; what is mounted stays.
  fs::remove(top + "/data/hosts");
  write(top + "/data/hosts", "another");
  take();
  write(top + "/data/hosts", "another file");
  EXPECT_THAT(told(), IsEmpty());
  write(watched + "/hosts", "the same as before");
  EXPECT_THAT(told(), ElementsAre("updated watched/hosts"));
}

TEST_P(FileSources, ItWakesWhoeverWaits) {
  open();
  take();
  // Others may act in the directories above.
  bool quiet = false;
  for (int i = 0; i < 100 && !quiet; ++i) {
    quiet = !wait(60ms);
    take();
  }
  EXPECT_TRUE(quiet) << "nothing has happened";
  write(watched + "/a");
  EXPECT_TRUE(wait(1s));
  EXPECT_THAT(told(), Contains("created watched/a"));
  write(watched + "/b");
  EXPECT_TRUE(wait(1s));
  EXPECT_THAT(told(), Contains("created watched/b"));
}

// Acts at random, and holds what is told against what it did.
class Actor {
 public:
  explicit Actor(std::string top, unsigned seed) : dirs_{std::move(top)}, random_(seed) {}

  std::set<std::string> expected;  // since they were taken last
  bool moved_directories = false;  // likewise
  std::function<void()> before_directories_go = [] {};

  void act() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return create();
      case 3:
      case 4:
        return write();
      case 5:
        return change_mode();
      case 6:
        return unlink();
      case 7:
        return rename_file();
      case 8:
        return link();
      case 9:
        return make_directory();
      case 10:
        return remove_directory();
      default:
        return rename_directory();
    }
  }

 private:
  unsigned pick(std::size_t count) { return static_cast<unsigned>(random_() % count); }
  void expect(FileAction action, const std::string& path) { expected.insert(text_of(action, path)); }
  std::string fresh(const std::string& dir) {
    constexpr std::array<std::string_view, 4> kOdd = {"", " ", "\n", "\xff"};
    return fmt::format("{}/n{}{}", dir, next_++, kOdd[pick(kOdd.size())]);
  }
  void create() {
    if (files_.size() > 200) return unlink();
    const auto path = fresh(dirs_[pick(dirs_.size())]);
    const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0) << path;
    ::close(fd);
    files_.push_back(path);
    expect(FileAction::created, path);
    expect(FileAction::updated, path);
  }
  void write() {
    if (files_.empty()) return create();
    const auto& path = files_[pick(files_.size())];
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    ASSERT_EQ(::write(fd, "x", 1), 1);
    ::close(fd);
    expect(FileAction::updated, path);
  }
  void change_mode() {
    if (files_.empty()) return create();
    const auto& path = files_[pick(files_.size())];
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    expect(FileAction::attributes_modified, path);
  }
  void unlink() {
    if (files_.empty()) return create();
    const auto at = pick(files_.size());
    ASSERT_EQ(::unlink(files_[at].c_str()), 0);
    expect(FileAction::deleted, files_[at]);
    files_.erase(files_.begin() + at);
  }
  void rename_file() {
    if (files_.empty()) return create();
    auto& path = files_[pick(files_.size())];
    const auto to = fresh(dirs_[pick(dirs_.size())]);
    ASSERT_EQ(::rename(path.c_str(), to.c_str()), 0);
    expect(FileAction::moved_from, path);
    expect(FileAction::moved_to, to);
    path = to;
  }
  void link() {
    if (files_.empty()) return create();
    const auto& path = files_[pick(files_.size())];
    const auto to = fresh(dirs_[pick(dirs_.size())]);
    ASSERT_EQ(::link(path.c_str(), to.c_str()), 0);
    expect(FileAction::created, to);
    files_.push_back(to);
  }
  void make_directory() {
    if (dirs_.size() > 30) return remove_directory();
    const auto path = fresh(dirs_[pick(dirs_.size())]);
    ASSERT_EQ(::mkdir(path.c_str(), 0755), 0);
    dirs_.push_back(path);
    expect(FileAction::created, path);
    moved_directories = true;
  }
  void remove_directory() {
    if (dirs_.size() < 2) return make_directory();
    const auto at = 1 + pick(dirs_.size() - 1);
    before_directories_go();
    if (::rmdir(dirs_[at].c_str()) != 0) return create();
    expect(FileAction::deleted, dirs_[at]);
    dirs_.erase(dirs_.begin() + at);
  }
  void rename_directory() {
    if (dirs_.size() < 2) return make_directory();
    const auto from = dirs_[1 + pick(dirs_.size() - 1)];
    const auto& parent = dirs_[pick(dirs_.size())];
    if (parent == from || parent.starts_with(from + "/")) return write();
    const auto to = fresh(parent);
    before_directories_go();
    ASSERT_EQ(::rename(from.c_str(), to.c_str()), 0);
    expect(FileAction::moved_from, from);
    expect(FileAction::moved_to, to);
    for (auto* list : {&dirs_, &files_})
      for (auto& path : *list)
        if (path == from || path.starts_with(from + "/")) path = to + path.substr(from.size());
    moved_directories = true;
  }

  std::vector<std::string> dirs_;
  std::vector<std::string> files_;
  std::size_t next_ = 0;
  std::mt19937 random_;
};

// 10,000 random actions. Rows are compared as sets between two readings: the kernel joins what happens to one file in
// between. With a directory that comes or moves a reading ends, as the kernel may join what happens under both names.
// Before Linux 5.17 nothing says which directory it was that went: a reading ends before as well.
TEST_P(FileSources, TenThousandRandomActions) {
  open();
  Actor actor(watched, 7);
  std::mt19937 random(11);
  std::set<std::string> got;
  const auto read = [&] {
    for (const auto& row : take()) got.insert(text_of(row.action, row.path));
  };
  if (GetParam() == Which::fanotify_before_5_17) actor.before_directories_go = read;
  for (int i = 0; i < 10000;) {
    const auto batch = 1 + random() % 40;
    for (unsigned j = 0; j < batch && !actor.moved_directories; ++j, ++i) actor.act();
    read();
    ASSERT_EQ(got, actor.expected) << "after " << i;
    got.clear();
    actor.expected.clear();
    actor.moved_directories = false;
  }
  for (const auto& drop : source->counts().dropped) EXPECT_EQ(drop.count, 0U) << drop.stage << ": " << drop.reason;
}

// Files that are written once each, in directories that come, move and go. What it did, in the words of text_of(): of a
// removal the name only, as the kernel joins it with what was created, under whatever name the directory had then.
class Mover {
 public:
  Mover(std::string top, unsigned seed) : top_(std::move(top)), random_(seed) {
    for (int i = 0; i < 20; ++i) {
      dirs_.push_back(fmt::format("{}/old{}", top_, i));
      fs::create_directories(dirs_.back() + "/a/b");
    }
  }

  std::set<std::string> done;

  void act() {
    auto& dir = dirs_[random_() % dirs_.size()];
    const auto number = next_++;
    const auto file = fmt::format("{}/a/b/f{}", dir, number);
    ::close(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    for (const auto action : {FileAction::created, FileAction::updated}) done.insert(text_of(action, file));
    if (random_() % 3 == 0) {
      const auto to = fmt::format("{}/new{}", top_, number);
      fs::rename(dir, to);
      done.insert(text_of(FileAction::moved_from, dir));
      done.insert(text_of(FileAction::moved_to, to));
      dir = to;
    } else if (random_() % 5 == 0) {
      for (const auto& entry : fs::recursive_directory_iterator(dir))
        done.insert(text_of(FileAction::deleted, entry.path().filename()));
      done.insert(text_of(FileAction::deleted, fs::path(dir).filename()));
      fs::remove_all(dir);
      dir = fmt::format("{}/fresh{}", top_, number);
      fs::create_directories(dir + "/a/b");
      for (const auto* below : {"", "/a", "/a/b"}) done.insert(text_of(FileAction::created, dir + below));
    }
  }

  static std::set<std::string> told(const std::vector<FileRow>& rows) {
    std::set<std::string> texts;
    for (const auto& row : rows) {
      const bool deleted = row.action == FileAction::deleted;
      texts.insert(text_of(row.action, deleted ? fs::path(row.path).filename().string() : row.path));
    }
    return texts;
  }

 private:
  const std::string top_;
  std::mt19937 random_;
  std::vector<std::string> dirs_;
  int next_ = 0;
};

void expect_same(const std::set<std::string>& expected, const std::set<std::string>& got) {
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  std::ranges::set_difference(expected, got, std::back_inserter(missing));
  std::ranges::set_difference(got, expected, std::back_inserter(extra));
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_THAT(extra, IsEmpty());
}

// The kernel's handles tell which directory it was; whoever goes by paths sees what is there when it looks.
TEST_P(FileSources, DirectoriesThatMoveUnread) {
  if (GetParam() != Which::fanotify) return;
  Mover mover(watched, 3);
  open();
  std::vector<FileRow> rows;
  for (int i = 1; i <= 2000; ++i) {
    mover.act();
    if (i % 500 == 0)
      for (auto& row : take()) rows.push_back(std::move(row));
  }
  expect_same(mover.done, Mover::told(rows));
  for (const auto& drop : source->counts().dropped) EXPECT_EQ(drop.count, 0U) << drop.stage << ": " << drop.reason;
}

// The same while it is being read.
TEST_P(FileSources, DirectoriesThatMoveWhileTheyAreLookedFor) {
  if (GetParam() != Which::fanotify) return;
  Mover mover(watched, 5);
  open();
  const auto truth = top + "/truth";
  const auto child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 5000; ++i) mover.act();
    std::ofstream out(truth, std::ios::binary);
    for (const auto& text : mover.done) out << text << '\n';
    out.close();
    ::_exit(0);
  }
  std::vector<FileRow> rows;
  for (bool ended = false, last = false; !last;) {
    last = ended;
    if (!ended) ended = ::waitpid(child, nullptr, WNOHANG) > 0;
    for (auto& row : take()) rows.push_back(std::move(row));
  }
  std::set<std::string> done;
  std::ifstream in(truth, std::ios::binary);
  for (std::string line; std::getline(in, line);) done.insert(line);
  ASSERT_FALSE(done.empty());
  expect_same(done, Mover::told(rows));
  for (const auto& drop : source->counts().dropped) EXPECT_EQ(drop.count, 0U) << drop.stage << ": " << drop.reason;
}

// Who did it: pid and start, for as long as the process is there; its own pid is not told.
TEST_P(FileSources, TheProcessThatDidIt) {
  if (GetParam() == Which::inotify) return;  // it does not know
  open();
  std::array<int, 2> hold{};
  ASSERT_EQ(::pipe2(hold.data(), O_CLOEXEC), 0);
  const auto child = ::fork();
  if (child == 0) {
    const int fd = ::open((watched + "/a").c_str(), O_CREAT | O_WRONLY, 0644);
    ::close(fd);
    ::close(hold[1]);
    char byte = 0;
    [[maybe_unused]] const auto size = ::read(hold[0], &byte, 1);
    ::_exit(0);
  }
  ASSERT_TRUE(wait(5s));
  const auto process = process_now(child);
  std::this_thread::sleep_for(50ms);  // until it waits
  const auto rows = take();
  ASSERT_FALSE(rows.empty());
  for (const auto& row : rows) EXPECT_EQ(row.process, process);
  EXPECT_NE(process.start, 0U);
  ::close(hold[0]);
  ::close(hold[1]);
  ::waitpid(child, nullptr, 0);

  // Gone before anybody read.
  const auto quick = ::fork();
  if (quick == 0) {
    ::mkdir((watched + "/d").c_str(), 0755);
    ::_exit(0);
  }
  ::waitpid(quick, nullptr, 0);
  for (const auto& row : take()) EXPECT_EQ(row.process, (ProcessKey{quick, 0}));

  auto ours = fanotify_source({});
  Demand demand;
  demand.kinds.set(kKind<FileEvent>);
  demand.watched = {{"files", {watched + "/%%"}, {}}};
  ASSERT_TRUE(ours->open(demand));
  write(watched + "/own");
  sink.rows.clear();
  ASSERT_TRUE(ours->next(sink, 100));
  EXPECT_THAT(sink.rows, IsEmpty()) << "we did that";
}

// What is lost is counted, a gap is told, and what is there that changed is told too.
// EVT-08, EVT-15.
TEST_P(FileSources, AnOverflowIsToldAndLookedInto) {
  if (GetParam() == Which::fanotify_before_5_17) return;
  if (GetParam() != Which::inotify) source = fanotify_source({.own_pid = 0, .unlimited_queue = false});
  write(watched + "/before");
  std::this_thread::sleep_for(50ms);
  open();
  take();
  // More than fs.inotify.max_queued_events and fs.fanotify.max_queued_events, of which both are 16384 here.
  for (int i = 0; i < 20000; ++i) write(fmt::format("{}/f{}", watched, i));
  const auto rows = take();
  std::set<std::string> paths;
  bool gap = false;
  for (const auto& row : rows) {
    if (row.action == FileAction::gap)
      gap = true;
    else
      paths.insert(row.path);
  }
  EXPECT_TRUE(gap);
  EXPECT_EQ(paths.size(), 20000U);
  EXPECT_FALSE(paths.contains(watched + "/before"));
  const auto counts = source->counts();
  ASSERT_THAT(counts.dropped, ::testing::SizeIs(1));
  EXPECT_EQ(counts.dropped[0].stage, "kernel queue");
  EXPECT_FALSE(counts.dropped[0].exact);
}

// More is queued than there may be: it is let go of, and counted.
TEST_P(FileSources, AReaderThatIsTooSlowLetsGo) {
  if (GetParam() != Which::fanotify && GetParam() != Which::overlay) return;  // inotify has its queue's limit
  source = fanotify_source({.own_pid = 0, .most_queued = 100});
  open();
  for (int i = 0; i < 200; ++i) write(fmt::format("{}/f{}", watched, i));
  std::set<std::string> paths;
  bool gap = false;
  for (const auto& row : take()) {
    gap = gap || row.action == FileAction::gap;
    if (row.action != FileAction::gap) paths.insert(row.path);
  }
  EXPECT_TRUE(gap);
  EXPECT_EQ(paths.size(), 200U) << "found by looking";
  ASSERT_THAT(source->counts().dropped, ::testing::SizeIs(1));
  EXPECT_EQ(source->counts().dropped[0].count, 200U);
}

// Busy places of no interest cost nothing, and what moves from there to where it is of interest is told.
TEST_P(FileSources, BusyDirectoriesAreIgnored) {
  if (GetParam() != Which::fanotify) return;
  fs::create_directories(top + "/outside/deep");
  open();
  const auto busy = [&] {
    for (int i = 0; i < 200; ++i) write(fmt::format("{}/outside/deep/f{}", top, i));
  };
  busy();
  EXPECT_THAT(take(), IsEmpty());
  const auto filtered = source->counts().filtered;
  EXPECT_GE(filtered, 200U);
  busy();
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(source->counts().filtered, filtered) << "the kernel does not tell any more";
  // A file out of there, and all of it.
  fs::rename(top + "/outside/deep/f0", watched + "/f0");
  EXPECT_THAT(told(), ElementsAre("to watched/f0"));
  std::this_thread::sleep_for(50ms);
  take();
  fs::rename(top + "/outside", watched + "/in");
  write(watched + "/in/deep/f1");
  EXPECT_THAT(told(), IsSupersetOf({"to watched/in", "updated watched/in/deep/f1"}));
  write(watched + "/in/deep/f2");
  EXPECT_THAT(told(), ElementsAre("updated watched/in/deep/f2"));
}

}  // namespace
}  // namespace osprey::events
