#include "agent/schedule/event_marks.h"

#include <fmt/format.h>

namespace osprey::agent {

using store::Family;

std::string marks_key(std::string_view query) { return fmt::format("marks.{}", query); }

events::Marks marks_of(const store::Store& store, std::string_view query) {
  const auto stored = store.get(Family::events, marks_key(query));
  if (!stored || !*stored) return {};
  return events::Marks(**stored);
}

void put_marks(store::Batch& batch, std::string_view query, const events::Marks& marks) {
  if (marks.moved()) batch.put(Family::events, marks_key(query), marks.stored());
}

}  // namespace osprey::agent
