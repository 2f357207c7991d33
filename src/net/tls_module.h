// What the module "tls" (libssl) does for the program; opened by base/module.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "net/stream.h"

namespace osprey::net {

struct TlsOptions {
  std::string host;         // name or address that the peer's certificate must be for
  std::string authorities;  // PEM file of those who may vouch for it; empty: the system's
  std::string certificate;  // PEM files of what we show of ourselves; both empty: nothing
  std::string key;
  bool operator==(const TlsOptions&) const = default;
};

// TLS 1.2 or later. A peer whose certificate is not vouched for, has run out or is another's is refused in the
// handshake; there is no way around it.
struct TlsModule {
  static constexpr std::string_view kName = "tls";
  // Takes a connected socket over. Files that cannot be used are an error.
  Result<std::unique_ptr<Stream>> (*stream)(UniqueFd socket, const TlsOptions&);
};

}  // namespace osprey::net
