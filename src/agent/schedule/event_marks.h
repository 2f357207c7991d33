// How far scheduled queries have read the event tables, in the store.
#pragma once

#include <string>
#include <string_view>

#include "events/journal/marks.h"
#include "store/store.h"

namespace osprey::agent {

// Of the family "events".
std::string marks_key(std::string_view query);

// Those after the query's last run. What cannot be read counts as none: rows are told again rather than not at all.
events::Marks marks_of(const store::Store& store, std::string_view query);
// Where a run has moved them.
void put_marks(store::Batch& batch, std::string_view query, const events::Marks& marks);

}  // namespace osprey::agent
