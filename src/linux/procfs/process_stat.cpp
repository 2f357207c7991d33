#include "linux/procfs/process_stat.h"

#include <charconv>

namespace osprey::linux {
namespace {

// Numbers separated by single blanks, one after the other.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : next_(text.data()), end_(text.data() + text.size()) {}

  template <class T>
  void take(T& value) {
    while (next_ != end_ && *next_ == ' ') ++next_;
    const auto [after, error] = std::from_chars(next_, end_, value);
    if (error != std::errc{}) good_ = false;
    next_ = after;
  }
  void skip(int count) {
    for (; count > 0; --count) {
      while (next_ != end_ && *next_ == ' ') ++next_;
      while (next_ != end_ && *next_ != ' ') ++next_;
    }
  }
  bool good() const { return good_; }

 private:
  const char* next_;
  const char* end_;
  bool good_ = true;
};

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // The name stands in parentheses and may hold some: the first opens it, the last closes it.
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == text.npos || close == text.npos || close < open || close + 3 >= text.size()) return std::nullopt;
  ProcessStat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  stat.state = text[close + 2];
  Numbers numbers(text.substr(close + 3));
  std::int32_t terminal = 0;  // printed with a sign
  numbers.take(stat.parent);
  numbers.take(stat.process_group);
  numbers.take(stat.session);
  numbers.take(terminal);
  numbers.skip(1);  // tpgid
  numbers.take(stat.flags);
  numbers.skip(4);  // minflt cminflt majflt cmajflt
  numbers.take(stat.user_ticks);
  numbers.take(stat.system_ticks);
  numbers.skip(3);  // cutime cstime priority
  numbers.take(stat.nice);
  numbers.take(stat.threads);
  numbers.skip(1);  // itrealvalue
  numbers.take(stat.start_ticks);
  numbers.take(stat.virtual_size);
  if (!numbers.good()) return std::nullopt;
  stat.terminal = static_cast<std::uint32_t>(terminal);
  return stat;
}

}  // namespace osprey::linux
