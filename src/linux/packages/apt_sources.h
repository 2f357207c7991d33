// Where apt gets packages from: sources.list(5) in its two formats, and the Release files that apt downloaded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

// One address and suite of a source of binary packages. A deb822 stanza gives one for each of their combinations.
struct AptSource {
  std::string uri;    // without slashes at its end
  std::string suite;  // "bookworm", or a path with a slash at its end for an archive without suites
  std::string signed_by;
  std::optional<bool> trusted;  // empty where nothing is said: the signature decides
  bool enabled = true;
  std::size_t line = 0;  // counted from 1; of a stanza its first

  // The address, a user and password in it replaced by "(redacted)".
  std::string public_uri() const;
  // The same without its scheme, and the suite: "deb.debian.org/debian bookworm".
  std::string name() const;
  // How the files of this source below /var/lib/apt/lists begin, without the "_InRelease" at the end.
  std::string list_prefix() const;
};

struct AptSources {
  std::vector<AptSource> sources;
  std::size_t malformed = 0;  // lines or stanzas that apt would reject
};

// One source a line: "deb [signed-by=/k.gpg] https://host/path suite component…". Sources of source packages are left
// out. A source that is commented out is given as disabled: that is how tools switch them off in this format.
AptSources parse_sources_list(std::string_view text);
// deb822 stanzas: Types, URIs, Suites, Components, Enabled, Signed-By, Trusted. Disabled ones are given as such.
AptSources parse_deb822_sources(std::string_view text);

// What an archive says of a suite.
struct AptRelease {
  std::string codename;
  std::string version;
  std::string origin;
  std::string components;
  std::string architectures;
};
// The fields of a Release or InRelease file; a signature around them is passed over, not checked.
AptRelease parse_release(std::string_view text);

}  // namespace osprey::linux
