// The server's own certificates, where none are given: an authority of this installation and a certificate that it
// vouches for, so that hosts can check whom they talk to from the first request on.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace osprey::server {

struct CertificateFiles {
  std::string authority;    // PEM: what hosts trust (--tls_server_certs)
  std::string certificate;  // PEM, with the authority behind it
  std::string key;          // PEM, mode 0600
};

// Those below `folder`, made where they are missing; the certificate also where it is about to have less than a year
// left or is not for every one of `names` (names or addresses). ECDSA on P-256: a handshake costs a tenth of RSA's.
Result<CertificateFiles> own_certificates(const std::string& folder, const std::vector<std::string>& names);

}  // namespace osprey::server
