// Python's installed packages: where environments keep them, and the core metadata that each brings
// (packaging.python.org, "Core metadata" and "Recording installed projects").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

struct PythonMetadata {
  std::string name;
  std::string version;
  std::string summary;
  std::string author;
  std::string license;  // License, or License-Expression, which replaced it in metadata 2.4
};

// The headers of METADATA or PKG-INFO; the description below them is not read.
PythonMetadata parse_python_metadata(std::string_view text);

// Whether direct_url.json (PEP 610) says that the package is a link to its source tree.
bool is_editable(std::string_view direct_url);

// One installed package: a directory NAME-VERSION.dist-info or .egg-info, or a file .egg-info as distutils wrote it.
struct PythonPackage {
  std::string path;
  bool is_file = false;

  // With name and version of the path where the metadata has none.
  Result<PythonMetadata> metadata(const Root& root) const;
  // What put it there, such as "pip"; an absent() error where nothing says so.
  Result<std::string> installer(const Root& root) const;
  Result<bool> editable(const Root& root) const;
};

// The packages in a site directory, by name. `directory` may end in a slash.
Result<std::vector<PythonPackage>> python_packages_in(const Root& root, std::string_view directory);

// Site directories of the system and of environments below /opt and /srv, with a slash at their end.
std::vector<std::string> system_python_sites(const Root& root, const Interrupt& interrupt);
// Those below a home: of pip --user, pyenv, pipx, conda, poetry, pipenv, virtualenvwrapper, uv, rye, hatch, and of
// virtual environments up to one folder deep.
std::vector<std::string> home_python_sites(const Root& root, std::string_view home, const Interrupt& interrupt);

// The environment that a site directory belongs to: what stands before lib/pythonX.Y/site-packages.
std::string_view python_environment(std::string_view site);

}  // namespace osprey::linux
