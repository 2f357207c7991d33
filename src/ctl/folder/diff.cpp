#include "ctl/folder/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace osprey::ctl {
namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kMostCells = 16 << 20;  // of the table; beyond it the middle is told as replaced

struct Line {
  char sign;
  std::string_view text;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> made;
  for (const auto line : Lines(text)) made.push_back(line);
  return made;
}

using View = std::span<const std::string_view>;

// By the longest common subsequence.
void compare(View a, View b, std::vector<Line>& out) {
  const auto width = b.size() + 1;
  if ((a.size() + 1) * width > kMostCells) {
    for (const auto line : a) out.push_back({'-', line});
    for (const auto line : b) out.push_back({'+', line});
    return;
  }
  std::vector<std::uint32_t> longest((a.size() + 1) * width);
  for (auto i = a.size(); i-- > 0;)
    for (auto j = b.size(); j-- > 0;)
      longest[i * width + j] = a[i] == b[j] ? longest[(i + 1) * width + j + 1] + 1
                                            : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.push_back({' ', a[i]});
      ++i, ++j;
    } else if (j == b.size() || (i < a.size() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      out.push_back({'-', a[i++]});
    } else {
      out.push_back({'+', b[j++]});
    }
  }
}

std::vector<Line> edits(View a, View b) {
  std::vector<Line> out;
  std::size_t same = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) out.push_back({' ', a[same++]});
  std::size_t tail = 0;
  while (tail < a.size() - same && tail < b.size() - same && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  compare(a.subspan(same, a.size() - same - tail), b.subspan(same, b.size() - same - tail), out);
  for (const auto line : a.last(tail)) out.push_back({' ', line});
  return out;
}

// As in "-3,4": where a side of a hunk begins and how long it is.
std::string range(std::size_t before, std::size_t count) {
  if (count == 1) return std::to_string(before + 1);
  return fmt::format("{},{}", count == 0 ? before : before + 1, count);
}

}  // namespace

std::vector<std::string> unified_diff(std::string_view before, std::string_view after) {
  const auto a = lines_of(before);
  const auto b = lines_of(after);
  const auto all = edits(a, b);
  std::vector<std::string> told;
  std::size_t left = 0;  // lines of each side before `at`
  std::size_t right = 0;
  for (std::size_t at = 0; at < all.size();) {
    const auto change = static_cast<std::size_t>(std::find_if(all.begin() + static_cast<std::ptrdiff_t>(at), all.end(),
                                                              [](const Line& l) { return l.sign != ' '; }) -
                                                 all.begin());
    if (change == all.size()) break;
    const auto begin = std::max(at, change > kContext ? change - kContext : 0);
    left += begin - at;
    right += begin - at;
    // The hunk ends where more than twice the context is the same.
    std::size_t last = change;
    for (auto i = change; i < all.size() && i <= last + 2 * kContext; ++i)
      if (all[i].sign != ' ') last = i;
    const auto end = std::min(last + 1 + kContext, all.size());
    std::size_t gone = 0;
    std::size_t fresh = 0;
    for (auto i = begin; i < end; ++i) {
      gone += all[i].sign != '+';
      fresh += all[i].sign != '-';
    }
    told.push_back(fmt::format("@@ -{} +{} @@", range(left, gone), range(right, fresh)));
    for (auto i = begin; i < end; ++i) told.push_back(all[i].sign + std::string(all[i].text));
    left += gone;
    right += fresh;
    at = end;
  }
  return told;
}

}  // namespace osprey::ctl
