// HeldEvents: events that wait for what happened before them to be known.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "events/journal/record.h"
#include "events/kinds/kinds.h"

namespace osprey::events {

class HeldEvents {
 public:
  void add(AnyEvent event) {
    std::visit([this](auto* one) { encode(*one, bytes_); }, event);
    ends_.push_back({event.index(), bytes_.size()});
  }
  bool empty() const noexcept { return ends_.empty(); }

  // Gives each back, in their order, and forgets them.
  template <class Use>
  void release(const Use& use) {
    std::size_t begin = 0;
    for (const auto& [kind, end] : ends_) {
      give(kind, std::string_view(bytes_).substr(begin, end - begin), use, std::make_index_sequence<kKinds>());
      begin = end;
    }
    bytes_.clear();
    ends_.clear();
  }

 private:
  template <class Use, std::size_t... I>
  static void give(std::size_t kind, std::string_view record, const Use& use, std::index_sequence<I...>) {
    (void)((I == kind && give_one<std::remove_pointer_t<std::variant_alternative_t<I, AnyEvent>>>(record, use)) || ...);
  }
  template <class Event, class Use>
  static bool give_one(std::string_view record, const Use& use) {
    auto event = decode<Event>(record);
    if (event) use(&*event);
    return true;
  }

  struct End {
    std::size_t kind;
    std::size_t end;  // in bytes_
  };
  std::string bytes_;
  std::vector<End> ends_;
};

}  // namespace osprey::events
