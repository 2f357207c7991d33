// Lists that do not fit into one answer: pages by cursor, stable while rows come and go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"

namespace osprey::server::api {

inline constexpr std::int64_t kMostPageItems = 500;

// What a request for a page says. One that has filters, too, derives from it:
//   static constexpr auto fields() { return std::tuple_cat(std::tuple(field(…), …), PageRequest::fields()); }
struct PageRequest {
  std::int64_t limit = 100;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(field("limit", &PageRequest::limit, "How many items at most.",
                            {.least = 1, .most = kMostPageItems, .has_default = true}),
                      field("after", &PageRequest::after, "Go on after this cursor, the `next` of the page before."));
  }
};

template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;  // cursor of the page that follows; none: this is the last
  static constexpr auto fields() {
    return std::tuple(field("items", &Page::items, "The items of this page."),
                      field("next", &Page::next, "Cursor for the page after this one; null on the last."));
  }
};

// A cursor is the last row's sort keys, opaque to callers: hexadecimal of JSON.
std::string make_cursor(const std::vector<std::string>& keys);
// An error (kInvalid) where it is none of ours, or has another number of keys.
Result<std::vector<std::string>> read_cursor(std::string_view cursor, std::size_t keys);

// For lists that are sorted by a number, such as their items' `id`; all are above 0. The one to go on after where the
// lowest comes first (0 at the start), and where the highest does (INT64_MAX at the start).
Result<std::int64_t> id_after(const std::optional<std::string>& cursor);
Result<std::int64_t> id_before(const std::optional<std::string>& cursor);
// `found` was asked for with one more than `limit`.
template <class T>
Page<T> page_by_id(std::vector<T> found, std::int64_t limit, std::int64_t T::* id = &T::id) {
  Page<T> page{.items = std::move(found)};
  if (static_cast<std::int64_t>(page.items.size()) > limit) {
    page.items.resize(static_cast<std::size_t>(limit));
    page.next = make_cursor({std::to_string(page.items.back().*id)});
  }
  return page;
}

}  // namespace osprey::server::api
