#include "events/capture/batch.h"

#include <string_view>
#include <variant>

#include "events/journal/record.h"

namespace osprey::events {

void Batch::add(AnyEvent event, std::int64_t time) {
  std::visit([this](auto* one) { encode(*one, bytes_); }, event);
  ends_.push_back({families_[event.index()], time, bytes_.size()});
  ++counts_[event.index()];
}

Result<void> Batch::append_to(Journal& journal) {
  rows_.clear();
  std::size_t begin = 0;
  for (const auto& [family, time, end] : ends_) {
    rows_.push_back({family, time, std::string_view(bytes_).substr(begin, end - begin)});
    begin = end;
  }
  TRY(journal.append(rows_));
  clear();
  return {};
}

void Batch::clear() {
  bytes_.clear();
  ends_.clear();
  counts_ = {};
}

}  // namespace osprey::events
