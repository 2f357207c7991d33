#include "linux/certificates/certificate.h"

#include <openssl/objects.h>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto certificate = osprey::linux::Certificate::from_der({reinterpret_cast<const char*>(data), size});
  if (!certificate) return 0;
  for (const int nid : {NID_commonName, NID_organizationName}) {
    certificate->subject(nid);
    certificate->issuer(nid);
  }
  for (const int nid :
       {NID_subject_key_identifier, NID_authority_key_identifier, NID_key_usage, NID_ext_key_usage,
        NID_certificate_policies, NID_subject_alt_name, NID_issuer_alt_name, NID_info_access, NID_sinfo_access,
        NID_policy_mappings, NID_basic_constraints, NID_name_constraints, NID_policy_constraints})
    certificate->extension(nid);
  certificate->serial_number();
  certificate->version();
  certificate->valid_from();
  certificate->has_expired();
  certificate->sha1_fingerprint();
  certificate->signature_algorithm();
  certificate->signature();
  certificate->pem();
  return 0;
}
