#include "server/activity/activity.h"
namespace osprey::server::activity {
__attribute__((weak)) void record(db::Transaction&, const identity::Caller&, Timestamp, const Act&) {}
__attribute__((weak)) db::Schema schema() { return {.slice = "activity", .migrations = {}}; }
}
