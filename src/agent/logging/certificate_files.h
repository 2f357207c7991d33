// What flags say about the peers that lines are sent to over TLS.
#pragma once

#include <string>

#include "agent/flags/flags.h"
#include "base/result.h"

namespace osprey::agent {

struct CertificateFiles {
  std::string authorities;  // empty: the system's
  std::string certificate;  // empty, and key too: we show none
  std::string key;
};
// --tls_server_certs, --tls_client_cert, --tls_client_key. Where osquery's own file of authorities is asked for by
// default and is not there, the system's hold; a file that was named must be readable.
Result<CertificateFiles> certificate_files(const Flags& flags);

}  // namespace osprey::agent
