// A store in memory, for tests and --disable_database.
#pragma once

#include <memory>

#include "store/store.h"

namespace osprey::store {

std::unique_ptr<Store> memory_store();

}  // namespace osprey::store
