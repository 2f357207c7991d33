// dpkg's package database: the status file (deb-status, dpkg(1) "FILES"), its journal, and status.d of images that
// are put together without dpkg.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// One stanza; views into the database's text, empty where the field is missing.
struct DpkgPackage {
  std::string_view name;
  std::string_view full_version;  // as written; see version()
  std::string_view source;        // only where it differs from name or version: "gcc-12 (12.2.0-14)"
  std::string_view architecture;
  std::string_view status;  // three words: what is wanted, error flag, state
  std::string_view maintainer;
  std::string_view section;
  std::string_view priority_field;
  std::string_view installed_size;
  std::string_view multi_arch;

  // The version as dpkg prints it: without an epoch of 0; "<none>" where a half-installed package has none.
  std::string_view version() const noexcept;
  // What follows the last hyphen; empty for native packages.
  std::string_view revision() const noexcept;
  // KiB, as the package claims.
  std::optional<std::int64_t> size() const noexcept;
  std::string_view priority() const noexcept { return priority_field.empty() ? "unknown" : priority_field; }
  bool on_hold() const noexcept;
  bool not_installed() const noexcept;
  // Whether packages of this name may be installed for several architectures side by side.
  bool coinstallable() const noexcept { return multi_arch == "same"; }
};

// Reads stanza by stanza, in one pass; the text must outlive it.
class DpkgReader {
 public:
  // Whether a last stanza without the empty line after it can be whole. dpkg always writes that line.
  enum class Ending { strict, lenient };
  explicit DpkgReader(std::string_view text, Ending ending = Ending::strict) noexcept
      : rest_(text), ending_(ending), line_ended_(text.ends_with('\n')) {}

  // The next package, whatever its state; empty at the end.
  std::optional<DpkgPackage> next();
  // Lines that are no field, and stanzas without a package name.
  std::size_t malformed() const noexcept { return malformed_; }
  // The text ends in the middle of a stanza, which was left out.
  bool cut() const noexcept { return cut_; }

 private:
  std::string_view rest_;
  Ending ending_;
  bool line_ended_;
  std::size_t malformed_ = 0;
  bool cut_ = false;
};

// The database below an administrative directory, usually /var/lib/dpkg: the status file with the journal of a running
// dpkg applied, then the files of status.d in the order of their names. What is not installed at all is left out.
class DpkgDatabase {
 public:
  // Real databases have up to some 10 MiB.
  static constexpr std::size_t kCap = 64 << 20;

  // What cannot be read, or only in part, is an error for `on_error`; absent files are none.
  DpkgDatabase(const Root& root, std::string directory, const Interrupt& interrupt,
               std::function<void(const Error&)> on_error);

  // The next package; empty at the end. Its views live until the next call.
  std::optional<DpkgPackage> next();

  // When the package was last unpacked: its list of files was written then. Unix seconds.
  Result<std::int64_t> install_time(const DpkgPackage& package) const;
  // Whether apt installed it for the sake of others; an absent() error where apt keeps no record here.
  Result<bool> automatic(const DpkgPackage& package);

 private:
  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  void report(const DpkgReader& reader, const std::string& path) const;
  void read_journal();
  bool superseded(const DpkgPackage& package) const;
  bool next_text();

  Root root_;
  std::string directory_;
  const Interrupt& interrupt_;
  std::function<void(const Error&)> on_error_;

  struct Update {
    std::string text;
    DpkgPackage package;
  };
  std::vector<std::unique_ptr<Update>> journal_;  // stable addresses: packages are views into the text beside them

  // The texts one after another: status, then the journal as a whole, then each file of status.d.
  std::string text_;
  std::string text_path_;
  std::optional<DpkgReader> reader_;
  std::size_t next_update_ = 0;
  bool status_read_ = false;
  bool in_directory_ = false;
  std::optional<std::vector<DirectoryEntry>> directory_entries_;
  std::size_t next_entry_ = 0;

  std::optional<Result<std::set<std::string, std::less<>>>> automatic_;
};

}  // namespace osprey::linux
