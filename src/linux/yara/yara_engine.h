// The program's YARA: its helpers, and the rules that it has.
#pragma once

#include "linux/yara/yara_helpers.h"
#include "linux/yara/yara_rule_sets.h"

namespace osprey::linux {

struct YaraEngine {
  YaraCompiler compiler;
  YaraRuleSets rule_sets{compiler};
  YaraScanner for_queries{"osprey-yara"};
  YaraScanner for_events{"osprey-yara-ev"};  // of their own, so that neither waits for the other
};

// The only one: a program with threads asks for it before it starts the zygote (sandbox/zygote.h).
YaraEngine& yara_engine();

}  // namespace osprey::linux
