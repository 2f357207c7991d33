// Marks: how far a query has read the families of the journal, so that each of its runs sees what the runs before have
// not, and no row twice.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "events/journal/journal.h"

namespace osprey::events {

// Behind `after`, up to `last`.
struct Stretch {
  Place after;
  Place last;
};

// Of one run; belongs to one thread.
class Marks {
 public:
  Marks() = default;
  // What stored() said after the run before. A family whose mark cannot be read is read from its beginning.
  explicit Marks(std::string_view stored);

  // What the run reads of a family: from its mark to what is there when it is first asked. The same however often.
  Stretch stretch(const Journal& journal, std::size_t family, std::string_view name);

  // There is more to be remembered than before the run.
  bool moved() const noexcept { return moved_; }
  // The marks after this run.
  std::string stored() const;

 private:
  std::map<std::string, Place, std::less<>> before_;
  std::map<std::string, Stretch, std::less<>> now_;
  bool moved_ = false;
};

}  // namespace osprey::events
