// Interfaces: which network interface of this process's network namespace has an address.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace osprey::events {

// Asks the kernel again after ten seconds, and after one second for an address that it did not have. Not for several
// threads.
class Interfaces {
 public:
  Interfaces();

  // `address`: as inet_ntop(3) writes it; `network`: inode of the network namespace that it is of. `moment`:
  // nanoseconds. Empty: none has it, or it is of another namespace. Valid until the next call.
  std::string_view with(std::string_view address, std::uint64_t network, std::uint64_t moment);

 private:
  void ask();

  std::uint64_t own_network_ = 0;
  std::map<std::string, std::string, std::less<>> names_;
  std::uint64_t asked_ = 0;
};

}  // namespace osprey::events
