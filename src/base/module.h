// Modules: shared objects of ours around libraries that are too heavy or too rare to be linked into the program
// (libcurl, librpm, libmagic…). The code that needs one opens it on first use.
//
// How to make one:
//   1. A header in src/linux/AREA/, say rpm_module.h, has what both sides share: plain types, and one struct of
//      function pointers with the name of the module:
//        struct RpmModule { static constexpr std::string_view kName = "rpm"; Result<…> (*read)(const Root&, …); };
//   2. src/modules/rpm.cpp, which only the module is built from, ends in
//        OSPREY_MODULE(RpmModule) = {.read = read};      (module_entry.h)
//      and src/modules/CMakeLists.txt says  osprey_module(rpm SOURCES rpm.cpp LIBRARIES PkgConfig::rpm).
//      base is linked in, linux is not: it would bring a second copy of the program's static libraries.
//   3. Whoever needs it:  const RpmModule& rpm = *TRY(open_module<RpmModule>());
//      A missing library or module is that error, and what uses it says so; nothing else suffers.
//
// Program and module are one build: types with members of the standard library may cross. Exceptions must not.
#pragma once

#include <string_view>

#include "base/result.h"

namespace osprey {

// The address of `symbol` in `<directory of the program>/../lib/osprey/<module>.so`. A module is opened once, its
// symbols and those of its libraries seen by nobody else, and never closed. Safe from several threads. An error names
// the file; so does one for a module of another version, as after an upgrade below a running program.
Result<const void*> module_symbol(std::string_view module, const char* symbol);

// A module's table of functions.
template <class Interface>
Result<const Interface*> open_module() {
  return static_cast<const Interface*>(TRY(module_symbol(Interface::kName, "osprey_module")));
}

}  // namespace osprey
