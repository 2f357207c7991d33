#include "events/enrich/process_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace osprey::events {
namespace {

// Moments of different clocks and sources differ by as much: audit's are of the tick before.
constexpr std::uint64_t kSlack = 2 * ProcessTree::kTick;
// Events of one process come no more out of order than this.
constexpr std::uint64_t kDisorder = 2'000'000'000;
// Of the programs that one process ran after each other so many are remembered.
constexpr int kHistory = 4;
// Whoever is farther above is not looked for.
constexpr int kFarthest = 4096;

constexpr std::size_t kAllocatorBytes = 8;  // malloc(3)'s own word

// Credentials as bytes: -1, which is no id, where they are not known.
using Ids = std::array<std::uint32_t, 10>;

Ids packed(const Credentials& from) {
  const auto one = [](const std::optional<std::uint32_t>& id) { return id.value_or(UINT32_MAX); };
  return {one(from.uid),  one(from.euid), one(from.suid),  one(from.fsuid),     one(from.gid),
          one(from.egid), one(from.sgid), one(from.fsgid), one(from.login_uid), one(from.session)};
}

Credentials unpacked(std::string_view bytes) {
  Ids ids;
  if (bytes.size() != sizeof ids) return {};
  std::memcpy(ids.data(), bytes.data(), sizeof ids);
  const auto one = [](std::uint32_t id) { return id == UINT32_MAX ? std::nullopt : std::optional(id); };
  return {.uid = one(ids[0]),
          .euid = one(ids[1]),
          .suid = one(ids[2]),
          .fsuid = one(ids[3]),
          .gid = one(ids[4]),
          .egid = one(ids[5]),
          .sgid = one(ids[6]),
          .fsgid = one(ids[7]),
          .login_uid = one(ids[8]),
          .session = one(ids[9])};
}

std::string_view bytes_of(const Ids& ids) { return {reinterpret_cast<const char*>(ids.data()), sizeof ids}; }

bool is_coarse(std::uint64_t start) { return start % ProcessTree::kTick == 0; }

std::uint64_t coarse(std::uint64_t moment) {
  return std::max(moment - moment % ProcessTree::kTick, ProcessTree::kTick);
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

ProcessTree::ProcessTree() : ProcessTree(Limits{}) {}

ProcessTree::ProcessTree(const Limits& limits) : limits_(limits) {}

ProcessTree::~ProcessTree() {
  for (Node& node : nodes_) {
    replace(node.image, nullptr);
    replace(node.base, nullptr);
  }
}

// The moment, or the latest there was. What is too old goes.
std::uint64_t ProcessTree::at(std::uint64_t moment) noexcept {
  latest_ = std::max(latest_, moment);
  tidy();
  return moment == 0 ? latest_ : moment;
}

void ProcessTree::add(const Actor& process, std::uint64_t moment) {
  const std::lock_guard lock(mutex_);
  moment = at(moment);
  if (!reserve(2 * kNodeBytes + image_bytes(process))) return lose_image(process.process, moment);
  const Place place = obtain(process.process, moment);
  if (place == kNone) return;
  if (process.parent.pid > 0) set_parent(place, obtain(process.parent, moment), false);
  put(place, process, moment, false);
}

void ProcessTree::fork(const ProcessKey& parent, const ProcessKey& child) {
  const std::lock_guard lock(mutex_);
  const auto moment = at(child.start);
  if (!reserve(2 * kNodeBytes)) return;
  const Place place = obtain(child, moment);
  if (place != kNone && parent.pid > 0) set_parent(place, obtain(parent, moment), true);
}

void ProcessTree::exec(const Actor& process, std::uint64_t moment) {
  const std::lock_guard lock(mutex_);
  moment = at(moment);
  if (!reserve(2 * kNodeBytes + image_bytes(process))) return lose_image(process.process, moment);
  const Place place = obtain(process.process, moment);
  if (place == kNone) return;
  if (process.parent.pid > 0 && nodes_[place].parent == kNone) set_parent(place, obtain(process.parent, moment), false);
  // The end of a thread was taken for that of the process.
  const Node& node = nodes_[place];
  if (node.exited != 0 && node.exited + kSlack < moment && newest_.at(node.pid) == place) revive(place);
  put(place, process, moment, false);
}

void ProcessTree::change_ids(const Actor& process, std::uint64_t moment) {
  const std::lock_guard lock(mutex_);
  moment = at(moment);
  if (!reserve(image_bytes(process))) return;
  const Place place = locate(process.process, moment);
  if (place != kNone) put(place, process, moment, true);
}

void ProcessTree::exit(const ProcessKey& process, std::uint64_t moment) {
  const std::lock_guard lock(mutex_);
  moment = at(moment);
  // Also of one that was not heard of: its fork may still be on its way.
  if (!reserve(kNodeBytes)) return;
  const Place place = obtain(process, moment);
  if (place != kNone) set_exited(place, moment);
}

void ProcessTree::reap(std::span<const pid_t> pids, std::uint64_t moment) {
  const std::lock_guard lock(mutex_);
  for (Place place = 0; place < nodes_.size(); ++place) {
    const Node& node = nodes_[place];
    if (node.pid == 0 || node.exited != 0 || node.start + kDisorder > moment) continue;
    if (!std::binary_search(pids.begin(), pids.end(), static_cast<pid_t>(node.pid))) set_exited(place, moment);
  }
}

std::optional<ProcessTree::Known> ProcessTree::find(const ProcessKey& process, std::uint64_t moment) const {
  if (moment == 0) moment = latest_;
  const Place place = locate(process, moment);
  if (place == kNone) return std::nullopt;
  return known(place, image_at(nodes_[place], moment));
}

std::optional<ProcessTree::Known> ProcessTree::find_late(const ProcessKey& process, std::uint64_t moment,
                                                         std::uint64_t late) const {
  if (auto known = find(process, moment)) return known;
  if (process.start != 0 || !std::in_range<std::uint32_t>(process.pid)) return std::nullopt;
  const auto newest = newest_.find(static_cast<std::uint32_t>(process.pid));
  if (newest == newest_.end()) return std::nullopt;
  const Node& node = nodes_[newest->second];
  if (node.exited == 0 || node.exited > moment || moment - node.exited > late) return std::nullopt;
  return known(newest->second, image_at(node, node.exited));
}

// What put() may take, at the most.
std::size_t ProcessTree::image_bytes(const Actor& process) noexcept {
  constexpr std::size_t kTexts = 6;
  return sizeof(Image) + kAllocatorBytes + sizeof(Ids) + kTexts * TextPool::kOverhead + process.name.size() +
         process.path.size() + std::min(process.cmdline.size(), kCommandLine) + process.tty.size() +
         process.cgroup_path.size();
}

// Forgets others until there is room for so many bytes more.
bool ProcessTree::reserve(std::size_t size) noexcept {
  while (bytes() + size > limits_.bytes) {
    if (make_room()) continue;
    ++refused_;
    return false;
  }
  return true;
}

ProcessTree::Known ProcessTree::known(Place place, const Image* image) const {
  const Node& node = nodes_[place];
  Known known{.process = {node.pid, node.start}, .place = place};
  if (node.parent != kNone) known.parent = {nodes_[node.parent].pid, nodes_[node.parent].start};
  if (!image) return known;
  known.has_image = true;
  known.name = TextPool::view(image->name);
  known.path = TextPool::view(image->path);
  known.cmdline = TextPool::view(image->cmdline);
  known.tty = TextPool::view(image->tty);
  known.cgroup_path = TextPool::view(image->cgroup);
  known.ids = unpacked(TextPool::view(image->ids));
  return known;
}

void ProcessTree::ancestors(const Known& process, std::vector<std::int64_t>& pids) const {
  pids.clear();
  for (Place at = nodes_[process.place].parent; at != kNone && pids.size() < kAncestors; at = nodes_[at].parent)
    pids.push_back(nodes_[at].pid);
}

std::vector<ProcessTree::Relative> ProcessTree::lineage(const ProcessKey& process) const {
  const std::lock_guard lock(mutex_);
  Place at = kNone;
  if (process.start != 0) {
    at = locate(process, latest_);
  } else if (std::in_range<std::uint32_t>(process.pid)) {
    const auto newest = newest_.find(static_cast<std::uint32_t>(process.pid));
    if (newest != newest_.end()) at = newest->second;
  }
  std::vector<Relative> all;
  for (Place below = at; at != kNone && all.size() <= kAncestors; below = at, at = nodes_[at].parent) {
    const Node& node = nodes_[at];
    const auto facts = known(at, image_at(node, latest_));
    const auto end = nodes_[below].exited;
    all.push_back({.process = facts.process,
                   .name = std::string(facts.name),
                   .path = std::string(facts.path),
                   .cmdline = std::string(facts.cmdline),
                   .uid = facts.ids.uid,
                   .exited = node.exited != 0,
                   .reparented = below != at && node.exited != 0 && (end == 0 || end > node.exited)});
  }
  return all;
}

ProcessTree::Usage ProcessTree::usage() const {
  const std::lock_guard lock(mutex_);
  return {.processes = nodes_.size() - free_.size(),
          .exited = exited_count_,
          .bytes = bytes(),
          .forgotten = forgotten_,
          .cut = cut_,
          .refused = refused_};
}

// --- Finding processes ---

bool ProcessTree::is(const Node& node, const ProcessKey& key) noexcept {
  if (node.start == key.start) return true;
  if (!is_coarse(node.start) && !is_coarse(key.start)) return false;
  return distance(node.start, key.start) <= kSlack;
}

// When it was forked, at the latest.
std::uint64_t ProcessTree::forked(const Node& node) noexcept {
  return is_coarse(node.start) ? node.start + kTick - 1 : node.start;
}

ProcessTree::Place ProcessTree::locate(const ProcessKey& key, std::uint64_t moment) const noexcept {
  if (!std::in_range<std::uint32_t>(key.pid)) return kNone;
  const auto newest = newest_.find(static_cast<std::uint32_t>(key.pid));
  if (newest == newest_.end()) return kNone;
  const Place first = newest->second;
  if (key.start == 0) {
    for (Place at = first; at != kNone; at = nodes_[at].older) {
      const Node& node = nodes_[at];
      if (node.start > moment + kSlack) {
        // It may have been there before it was first heard of.
        const bool late = node.estimated && node.start <= moment + kDisorder;
        if (!late || (node.older != kNone && moment <= nodes_[node.older].exited + kSlack)) continue;
      }
      return node.exited != 0 && node.exited + kSlack < moment ? kNone : at;
    }
    return kNone;
  }
  for (Place at = first; at != kNone; at = nodes_[at].older)
    if (is(nodes_[at], key)) return at;
  // One that was there before it was first heard of.
  for (Place at = first; at != kNone; at = nodes_[at].older) {
    const Node& node = nodes_[at];
    if (node.start < key.start) return kNone;
    if (node.estimated && (node.older == kNone || nodes_[node.older].start < key.start)) return at;
  }
  return kNone;
}

ProcessTree::Place ProcessTree::obtain(const ProcessKey& key, std::uint64_t moment) {
  const Place found = locate(key, moment);
  if (found == kNone) return make(key, moment);
  Node& node = nodes_[found];
  if (key.start != 0 && (node.estimated || (is_coarse(node.start) && !is_coarse(key.start)))) {
    correct(found, key.start);
    node.estimated = false;
  } else if (key.start == 0 && node.estimated && moment < node.start) {
    correct(found, coarse(moment));
  }
  return found;
}

// Its start is known better now.
void ProcessTree::correct(Place place, std::uint64_t start) noexcept {
  Node& node = nodes_[place];
  node.start = start;
  const Place parent = node.parent;
  if (parent == kNone) return;
  detach(place);
  attach(place, parent, kNone);
}

ProcessTree::Place ProcessTree::make(const ProcessKey& key, std::uint64_t moment) {
  if (key.pid <= 0 || !std::in_range<std::uint32_t>(key.pid)) return kNone;
  Place place = static_cast<Place>(nodes_.size());
  if (free_.empty()) {
    if (nodes_.size() == nodes_.capacity()) nodes_.reserve(nodes_.size() + nodes_.size() / 8 + 256);
    nodes_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  Node& node = nodes_[place];
  node = {};
  node.pid = static_cast<std::uint32_t>(key.pid);
  node.start = key.start != 0 ? key.start : coarse(moment);
  node.estimated = key.start == 0;

  // Among those of its pid, newest first. Whoever had it before has ended.
  Place* link = &newest_.try_emplace(node.pid, kNone).first->second;
  Place newer = kNone;
  while (*link != kNone && nodes_[*link].start > node.start) {
    newer = *link;
    link = &nodes_[newer].older;
  }
  node.older = std::exchange(*link, place);
  if (node.older != kNone && nodes_[node.older].exited == 0) set_exited(node.older, node.start);
  if (newer != kNone) set_exited(place, nodes_[newer].start);
  return place;
}

// --- Parents and children ---

void ProcessTree::set_parent(Place child, Place parent, bool certain) {
  Node& node = nodes_[child];
  if (parent == kNone || node.certain) return;
  if (node.parent != parent) {
    if (node.parent != kNone && !certain) return;
    if (is_ancestor(child, parent)) return;
    detach(child);
    attach(child, parent, kNone);
  }
  node.certain = certain;
  if (!certain) return;
  replace(node.base, inherited(nodes_[parent], forked(node)));
  hand_down(child, 0);
}

bool ProcessTree::is_ancestor(Place ancestor, Place of) const noexcept {
  if (ancestor == of) return true;
  if (nodes_[ancestor].first_child == kNone) return false;
  int left = kFarthest;
  for (; of != kNone && of != ancestor && left > 0; --left) of = nodes_[of].parent;
  return of != kNone;
}

// `behind`: a child of that parent known to have started later; none: it is looked for from the newest on.
void ProcessTree::attach(Place child, Place parent, Place behind) noexcept {
  Node& node = nodes_[child];
  Place next = behind == kNone ? nodes_[parent].first_child : nodes_[behind].next_child;
  while (next != kNone && nodes_[next].start > node.start) {
    behind = next;
    next = nodes_[next].next_child;
  }
  node.parent = parent;
  node.previous_child = behind;
  node.next_child = next;
  (behind == kNone ? nodes_[parent].first_child : nodes_[behind].next_child) = child;
  if (next != kNone) nodes_[next].previous_child = child;
}

void ProcessTree::detach(Place child) noexcept {
  Node& node = nodes_[child];
  if (node.parent == kNone) return;
  (node.previous_child == kNone ? nodes_[node.parent].first_child : nodes_[node.previous_child].next_child) =
      node.next_child;
  if (node.next_child != kNone) nodes_[node.next_child].previous_child = node.previous_child;
  node.parent = node.previous_child = node.next_child = kNone;
}

// --- What they run ---

// The one at the moment; where that is not known, the first that is.
const ProcessTree::Image* ProcessTree::image_at(const Node& node, std::uint64_t moment) noexcept {
  const Image* image = node.image;
  while (image && image->moment > moment && image->before) image = image->before;
  const bool earlier = !image || image->moment > moment;
  return earlier && node.base && node.own < kHistory ? node.base : image;
}

// What one that it forks at the moment has; null: not known.
ProcessTree::Image* ProcessTree::inherited(const Node& node, std::uint64_t moment) noexcept {
  for (Image* image = node.image; image; image = image->before)
    if (image->moment <= moment) return image;
  return node.own < kHistory ? node.base : nullptr;
}

ProcessTree::Image* ProcessTree::draw(const Actor& process, std::uint64_t moment, const Image* base, bool ids_only) {
  auto* image = new Image{.moment = moment, .ids_only = ids_only};
  ++images_;
  Ids ids = packed(process.ids);
  if (base && base->ids) {
    const Ids before = packed(unpacked(base->ids->view()));
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (ids[i] == UINT32_MAX) ids[i] = before[i];
  }
  image->ids = texts_.use(bytes_of(ids));
  const auto told_or = [&](std::string_view told, Text* Image::* field) {
    return told.empty() && base ? TextPool::use(base->*field) : texts_.use(told);
  };
  image->tty = told_or(ids_only ? "" : process.tty, &Image::tty);
  image->cgroup = told_or(ids_only ? "" : process.cgroup_path, &Image::cgroup);
  if (ids_only) {
    if (!base) return image;
    image->name = TextPool::use(base->name);
    image->path = TextPool::use(base->path);
    image->cmdline = TextPool::use(base->cmdline);
  } else {
    image->name = texts_.use(process.name);
    image->path = texts_.use(process.path);
    image->cmdline = texts_.use(process.cmdline.substr(0, kCommandLine));
  }
  return image;
}

void ProcessTree::put(Place place, const Actor& process, std::uint64_t moment, bool ids_only) {
  Node& node = nodes_[place];
  moment = std::max(moment, node.start);
  Image** link = &node.image;
  std::array<Image*, kHistory> later{};  // that have all but their ids from what is put in
  std::size_t count = 0;
  while (*link && (*link)->moment > moment) {
    if (!(*link)->ids_only)
      count = 0;
    else if (count < later.size())
      later[count++] = *link;
    link = &(*link)->before;
  }
  const Image* base = *link ? *link : image_at(node, moment);
  if (ids_only && !base) return;
  Image* image = draw(process, moment, base, ids_only);
  image->before = std::exchange(*link, image);
  node.own = static_cast<std::uint8_t>(std::min(node.own + 1, kHistory));
  if (!ids_only) {
    for (Image* one : std::span(later).first(count)) {
      texts_.drop(std::exchange(one->name, TextPool::use(image->name)));
      texts_.drop(std::exchange(one->path, TextPool::use(image->path)));
      texts_.drop(std::exchange(one->cmdline, TextPool::use(image->cmdline)));
    }
  }
  hand_down(place, moment);
  shorten(node.image);
}

// There is no room to tell what it runs now: what it ran is no longer true.
void ProcessTree::lose_image(const ProcessKey& process, std::uint64_t moment) noexcept {
  const Place place = locate(process, moment);
  if (place == kNone) return;
  replace(nodes_[place].image, nullptr);
  nodes_[place].own = kHistory;
}

// What was learned late of `place`, to those who descend from it and were forked at `moment` or after.
void ProcessTree::hand_down(Place place, std::uint64_t moment) {
  std::vector<Place> open;
  for (int left = kFarthest; left > 0; --left) {
    for (Place child = nodes_[place].first_child; child != kNone; child = nodes_[child].next_child) {
      Node& node = nodes_[child];
      if (node.start + kTick < moment) break;
      Image* image = node.certain ? inherited(nodes_[place], forked(node)) : nullptr;
      if (!image || image == node.base) continue;
      replace(node.base, image);
      if (node.first_child != kNone) open.push_back(child);
    }
    if (open.empty()) return;
    place = open.back();
    open.pop_back();
  }
}

void ProcessTree::replace(Image*& held, Image* by) noexcept {
  if (by) ++by->uses;
  drop(std::exchange(held, by));
}

void ProcessTree::drop(Image* image) noexcept {
  while (image && --image->uses == 0) {
    for (Text* text : {image->name, image->path, image->cmdline, image->tty, image->cgroup, image->ids})
      texts_.drop(text);
    --images_;
    delete std::exchange(image, image->before);
  }
}

void ProcessTree::shorten(Image* image) noexcept {
  for (int left = kHistory - 1; image && left > 0; --left) image = image->before;
  if (image) drop(std::exchange(image->before, nullptr));
}

// --- The end ---

void ProcessTree::set_exited(Place place, std::uint64_t moment) noexcept {
  Node& node = nodes_[place];
  const bool known = node.exited != 0;
  node.exited = std::max(moment, std::uint64_t{1});
  if (known) return;
  ++exited_count_;
  push(exited_, place);
}

void ProcessTree::revive(Place place) noexcept {
  unlink(place);
  nodes_[place].exited = 0;
  --exited_count_;
}

void ProcessTree::push(List& list, Place place) noexcept {
  Node& node = nodes_[place];
  node.held = &list == &held_;
  node.next_exited = kNone;
  node.previous_exited = std::exchange(list.last, place);
  (node.previous_exited == kNone ? list.first : nodes_[node.previous_exited].next_exited) = place;
}

void ProcessTree::unlink(Place place) noexcept {
  Node& node = nodes_[place];
  List& list = node.held ? held_ : exited_;
  (node.previous_exited == kNone ? list.first : nodes_[node.previous_exited].next_exited) = node.next_exited;
  (node.next_exited == kNone ? list.last : nodes_[node.next_exited].previous_exited) = node.previous_exited;
  node.next_exited = node.previous_exited = kNone;
  node.held = false;
}

// Those whose time is over.
void ProcessTree::tidy() noexcept {
  while (exited_.first != kNone && nodes_[exited_.first].exited + limits_.keep < latest_) {
    const Place place = exited_.first;
    if (nodes_[place].first_child == kNone) {
      forget(place);
    } else {
      unlink(place);
      push(held_, place);
    }
  }
}

// Forgets one, or says false: all are alive.
bool ProcessTree::make_room() noexcept {
  while (exited_.first != kNone) {
    const Place place = exited_.first;
    if (nodes_[place].first_child == kNone) {
      ++forgotten_;
      forget(place);
      return true;
    }
    unlink(place);
    push(held_, place);
  }
  if (held_.first == kNone) return false;
  // Its children become its parent's, as if it had never been.
  const Place place = held_.first;
  ++forgotten_;
  ++cut_;
  const Place parent = nodes_[place].parent;
  Place behind = kNone;
  while (nodes_[place].first_child != kNone) {
    const Place child = nodes_[place].first_child;
    detach(child);
    if (parent != kNone) attach(child, parent, behind);
    behind = child;
  }
  forget(place);
  return true;
}

// One that ended and has no children; and those above it that were kept for its sake.
void ProcessTree::forget(Place place) noexcept {
  while (place != kNone) {
    Node& node = nodes_[place];
    const Place parent = node.parent;
    detach(place);
    unlink(place);
    --exited_count_;
    replace(node.image, nullptr);
    replace(node.base, nullptr);
    const auto newest = newest_.find(node.pid);
    Place* link = &newest->second;
    while (*link != place) link = &nodes_[*link].older;
    *link = node.older;
    if (newest->second == kNone) newest_.erase(newest);
    node = {};
    free_.push_back(place);
    place = parent != kNone && nodes_[parent].held && nodes_[parent].first_child == kNone ? parent : kNone;
  }
}

std::size_t ProcessTree::bytes() const noexcept {
  return (nodes_.size() - free_.size()) * kNodeBytes + images_ * (sizeof(Image) + kAllocatorBytes) + texts_.bytes();
}

}  // namespace osprey::events
