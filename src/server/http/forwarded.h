// Forwarded: whose word on a client's address counts.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::server::http {

class TrustedBalancers {
 public:
  using Address = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d

  // Addresses or networks ("10.0.0.0/8").
  Result<void> add(const std::string& text);
  // The client's address behind `peer`: the last one in X-Forwarded-For that no trusted balancer has, as far as trusted
  // ones say it; else `peer`.
  std::string client(const std::string& peer, std::string_view forwarded_for) const;

 private:
  struct Network {
    Address address;
    unsigned bits;
  };
  bool trusts(const std::string& address) const;
  std::vector<Network> networks_;
};

}  // namespace osprey::server::http
