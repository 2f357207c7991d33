// Trust on first use: what a server shows of itself when nobody vouches for it yet.
#pragma once

#include <string>

#include "base/result.h"

namespace osprey::ctl {

struct ShownCertificate {
  std::string pem;          // of the last of its chain: the authority, or the server's own where it shows no other
  std::string fingerprint;  // SHA-256 of that, as "AB:CD:…"
  std::string subject;
};

// From a handshake that sends nothing. `server`: "https://host[:port]".
Result<ShownCertificate> shown_certificate(const std::string& server);

}  // namespace osprey::ctl
