// Processes that change whom they act for, with what they were before.
#include "events/bpf/programs/credentials.h"

RING(security_ring);

#define CALL(name, call_name)              \
  ON_CALL_BEGIN(name, credentials_begin()) \
  ON_USUAL_CALL_END(name, WIRE_PROGRAM_CREDENTIALS, security_ring, credentials_ended, call_name)

CALL(setuid, WIRE_CALL_SETUID)
CALL(setreuid, WIRE_CALL_SETREUID)
CALL(setresuid, WIRE_CALL_SETRESUID)
CALL(setgid, WIRE_CALL_SETGID)
CALL(setregid, WIRE_CALL_SETREGID)
CALL(setresgid, WIRE_CALL_SETRESGID)
CALL(capset, WIRE_CALL_CAPSET)

char LICENSE[] SEC("license") = "GPL";
