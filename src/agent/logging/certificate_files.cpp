#include "agent/logging/certificate_files.h"

#include <unistd.h>

namespace osprey::agent {
namespace {

Result<std::string> readable(const Flags& flags, FlagName name) {
  std::string path(flags.text(name));
  if (!path.empty() && ::access(path.c_str(), R_OK) != 0) {
    auto error = system_failure(std::string(name.declaration().name));
    error.error().message = path + ": " + error.error().message;
    return error;
  }
  return path;
}

}  // namespace

Result<CertificateFiles> certificate_files(const Flags& flags) {
  CertificateFiles files;
  if (auto authorities = readable(flags, "tls_server_certs"))
    files.authorities = *authorities;
  else if (flags.is_set("tls_server_certs"))
    return std::unexpected(authorities.error());
  files.certificate = TRY(readable(flags, "tls_client_cert"));
  files.key = TRY(readable(flags, "tls_client_key"));
  if (files.certificate.empty() != files.key.empty())
    return failure(files.key.empty() ? "tls_client_key" : "tls_client_cert",
                   "is missing: a certificate of ours needs both --tls_client_cert and --tls_client_key");
  return files;
}

}  // namespace osprey::agent
