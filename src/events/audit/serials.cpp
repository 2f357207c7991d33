#include "events/audit/serials.h"

namespace osprey::events::audit {

void Serials::see(std::uint64_t serial) noexcept {
  if (!any_ || serial + kWindow < newest_) {
    any_ = true;
    first_ = newest_ = serial;
    seen_.reset();
    seen_.set(serial % kWindow);
    return;
  }
  if (serial > newest_ + kWindow) {
    // Too far to tell one by one; what stood in the window is judged as it is.
    missing_ += serial - newest_ - 1;
    for (auto old = newest_ >= kWindow ? newest_ - kWindow + 1 : 0; old <= newest_; ++old)
      if (old >= first_ && !seen_.test(old % kWindow)) ++missing_;
    seen_.reset();
    newest_ = first_ = serial;
  }
  for (; newest_ < serial; ++newest_) {
    // The place of the next number is that of one that leaves the window.
    const auto next = newest_ + 1;
    if (next >= kWindow && next - kWindow >= first_ && !seen_.test(next % kWindow)) ++missing_;
    seen_.reset(next % kWindow);
  }
  seen_.set(serial % kWindow);
}

}  // namespace osprey::events::audit
