#include "linux/yara/yara_engine.h"

namespace osprey::linux {

YaraEngine& yara_engine() {
  static YaraEngine engine;
  return engine;
}

}  // namespace osprey::linux
