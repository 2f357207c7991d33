#include "linux/packages/dpkg.h"

#include <algorithm>

#include "base/text.h"
#include "linux/packages/control.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kInstalled = "install ok installed";

// Field names are compared without case, as dpkg does.
std::string_view* field_of(DpkgPackage& package, std::string_view name) {
  const auto is = [&](std::string_view wanted) { return equal_ignoring_case(name, wanted); };
  switch (name.size()) {
    case 6:
      if (is("Status")) return &package.status;
      if (is("Source")) return &package.source;
      break;
    case 7:
      if (is("Package")) return &package.name;
      if (is("Version")) return &package.full_version;
      if (is("Section")) return &package.section;
      break;
    case 8:
      if (is("Priority")) return &package.priority_field;
      break;
    case 10:
      if (is("Maintainer")) return &package.maintainer;
      if (is("Multi-Arch")) return &package.multi_arch;
      break;
    case 12:
      if (is("Architecture")) return &package.architecture;
      break;
    case 14:
      if (is("Installed-Size")) return &package.installed_size;
      break;
    default:
      break;
  }
  return nullptr;
}

std::string_view last_word(std::string_view text) {
  const auto blank = text.find_last_of(" \t");
  return blank == text.npos ? text : text.substr(blank + 1);
}

// What dpkg's parser demands of an installed package. A stanza with all of it was not cut off.
bool is_whole(const DpkgPackage& package) {
  return !package.name.empty() && !package.status.empty() && !package.full_version.empty() &&
         !package.maintainer.empty();
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string_view DpkgPackage::version() const noexcept {
  if (full_version.empty()) return "<none>";
  const auto colon = full_version.find(':');
  if (colon == full_version.npos || full_version.find(':', colon + 1) != full_version.npos) return full_version;
  return parse<unsigned>(full_version.substr(0, colon)) == 0u ? full_version.substr(colon + 1) : full_version;
}

std::string_view DpkgPackage::revision() const noexcept {
  const auto hyphen = full_version.rfind('-');
  return hyphen == full_version.npos ? std::string_view() : full_version.substr(hyphen + 1);
}

std::optional<std::int64_t> DpkgPackage::size() const noexcept { return parse<std::int64_t>(installed_size); }

bool DpkgPackage::on_hold() const noexcept {
  auto words = status;
  return take_field(words) == "hold";
}

bool DpkgPackage::not_installed() const noexcept { return status.empty() || last_word(status) == "not-installed"; }

std::optional<DpkgPackage> DpkgReader::next() {
  for (;;) {
    DpkgPackage package;
    const auto end = take_stanza(rest_, [&](std::string_view name, std::string_view value) {
      if (name.empty())
        ++malformed_;
      else if (auto* field = field_of(package, name))
        *field = value;
    });
    if (end == StanzaEnd::none) return std::nullopt;
    if (end == StanzaEnd::text_end && ending_ == Ending::strict) {
      cut_ = !line_ended_ || !is_whole(package);
      if (cut_) return std::nullopt;
    }
    if (!package.name.empty()) return package;
    ++malformed_;
  }
}

DpkgDatabase::DpkgDatabase(const Root& root, std::string directory, const Interrupt& interrupt,
                           std::function<void(const Error&)> on_error)
    : root_(root), directory_(std::move(directory)), interrupt_(interrupt), on_error_(std::move(on_error)) {
  while (directory_.size() > 1 && directory_.ends_with('/')) directory_.pop_back();
  read_journal();
}

// The numbered files of updates/ hold one stanza each, newer than the status file: dpkg merges them at its end, and
// when some hundred have gathered (dpkg's lib/dpkg/dbmodify.c).
void DpkgDatabase::read_journal() {
  const auto entries = root_.list(path("updates"));
  if (!entries) {
    on_error_(entries.error());
    return;
  }
  for (const auto& entry : *entries) {
    if (!all_digits(entry.name)) continue;
    auto content = root_.read(path("updates/" + entry.name), Root::kTextCap, interrupt_);
    if (!content) {
      on_error_(content.error());
      continue;
    }
    auto update = std::make_unique<Update>();
    update->text = std::move(content->bytes);
    DpkgReader reader(update->text, DpkgReader::Ending::lenient);
    if (const auto package = reader.next()) {
      update->package = *package;
      std::erase_if(journal_, [&](const auto& older) {
        return older->package.name == package->name && older->package.architecture == package->architecture;
      });
      journal_.push_back(std::move(update));
    }
  }
}

bool DpkgDatabase::superseded(const DpkgPackage& package) const {
  return std::ranges::any_of(journal_, [&](const auto& update) {
    return update->package.name == package.name &&
           (update->package.architecture == package.architecture || !package.coinstallable());
  });
}

void DpkgDatabase::report(const DpkgReader& reader, const std::string& file) const {
  if (reader.cut()) on_error_(failure(file, "ends in the middle of a package, which is left out").error());
  if (reader.malformed())
    on_error_(failure(file, std::to_string(reader.malformed()) + " lines could not be parsed").error());
}

// Brings the next file into text_. False at the end.
bool DpkgDatabase::next_text() {
  const auto load = [&](std::string file, DpkgReader::Ending ending) {
    auto content = root_.read(file, kCap, interrupt_);
    if (!content) {
      on_error_(content.error());
      return false;
    }
    if (content->truncated)
      on_error_(failure(file, "is larger than " + std::to_string(kCap >> 20) + " MiB, the rest is left out").error());
    text_ = std::move(content->bytes);
    text_path_ = std::move(file);
    reader_.emplace(text_, ending);
    return true;
  };
  if (!status_read_) {
    status_read_ = true;
    if (load(path("status"), DpkgReader::Ending::strict)) return true;
  }
  if (!directory_entries_) {
    auto entries = root_.list(path("status.d"));
    if (!entries) on_error_(entries.error());
    directory_entries_ = std::move(entries).value_or(std::vector<DirectoryEntry>());
  }
  while (next_entry_ < directory_entries_->size()) {
    const auto& name = (*directory_entries_)[next_entry_++].name;
    if (name.starts_with('.') || name.ends_with(".md5sums")) continue;
    in_directory_ = true;
    if (load(path("status.d/" + name), DpkgReader::Ending::lenient)) return true;
  }
  return false;
}

std::optional<DpkgPackage> DpkgDatabase::next() {
  while (!interrupt_.requested()) {
    if (!reader_ && status_read_ && next_update_ < journal_.size()) {
      const auto& package = journal_[next_update_++]->package;
      if (!package.not_installed()) return package;
      continue;
    }
    if (!reader_ && !next_text()) break;
    while (auto package = reader_->next()) {
      // Files of status.d are control files, which know no state: that they are there means installed.
      if (in_directory_ && package->status.empty()) package->status = kInstalled;
      if (package->not_installed() || (!in_directory_ && superseded(*package))) continue;
      return package;
    }
    report(*reader_, text_path_);
    reader_.reset();
  }
  return std::nullopt;
}

Result<std::int64_t> DpkgDatabase::install_time(const DpkgPackage& package) const {
  std::string name(package.name);
  if (package.coinstallable()) name.append(":").append(package.architecture);
  const auto info = TRY(root_.stat(path("info/" + name + ".list")));
  return info.stx_mtime.tv_sec;
}

Result<bool> DpkgDatabase::automatic(const DpkgPackage& package) {
  if (!automatic_) {
    automatic_ = [&]() -> Result<std::set<std::string, std::less<>>> {
      const auto states = TRY(root_.read(path("../apt/extended_states"), kCap, interrupt_));
      std::set<std::string, std::less<>> marked;
      std::string_view text = states.bytes;
      std::string_view name, architecture, mark;
      while (take_stanza(text, [&](std::string_view field, std::string_view value) {
               if (field == "Package") name = value;
               if (field == "Architecture") architecture = value;
               if (field == "Auto-Installed") mark = value;
             }) != StanzaEnd::none) {
        if (mark == "1") marked.insert(std::string(name) + ":" + std::string(architecture));
        name = architecture = mark = {};
      }
      return marked;
    }();
  }
  if (!*automatic_) return std::unexpected(automatic_->error());
  const auto prefix = std::string(package.name) + ":";
  if (package.architecture != "all") return (*automatic_)->contains(prefix + std::string(package.architecture));
  // apt files these under the native architecture.
  const auto found = (*automatic_)->lower_bound(prefix);
  return found != (*automatic_)->end() && found->starts_with(prefix);
}

}  // namespace osprey::linux
