#include "events/journal/marks.h"

#include <vector>

#include "events/journal/record.h"

namespace osprey::events {
namespace {

struct Mark {
  std::string_view family;
  std::string_view key;
  template <class Archive>
  void fields(Archive& field) {
    field(family)(key);
  }
};

struct Stored {
  std::vector<Mark> marks;
  template <class Archive>
  void fields(Archive& field) {
    field(marks);
  }
};

}  // namespace

Marks::Marks(std::string_view stored) {
  const auto read = decode<Stored>(stored);
  if (!read) return;
  for (const auto& mark : read->marks)
    if (const auto place = Place::parse(mark.key)) before_.emplace(mark.family, *place);
}

Stretch Marks::stretch(const Journal& journal, std::size_t family, std::string_view name) {
  if (const auto known = now_.find(name); known != now_.end()) return known->second;
  Stretch stretch{{}, journal.last(family)};
  if (const auto mark = before_.find(name); mark != before_.end()) stretch.after = mark->second;
  // A journal that was begun anew is behind its marks.
  if (stretch.after > stretch.last) stretch.after = {};
  moved_ = moved_ || stretch.after != stretch.last;
  now_.emplace(name, stretch);
  return stretch;
}

std::string Marks::stored() const {
  auto places = before_;
  for (const auto& [name, stretch] : now_) places.insert_or_assign(name, stretch.last);
  Stored stored;
  std::vector<std::string> keys;
  keys.reserve(places.size());  // views into them stay
  for (const auto& [name, place] : places) {
    keys.push_back(place.key());
    stored.marks.push_back({name, keys.back()});
  }
  std::string bytes;
  encode(stored, bytes);
  return bytes;
}

}  // namespace osprey::events
