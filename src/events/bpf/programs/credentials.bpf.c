// Processes that change whom they act for, with what they were before.
#include "events/bpf/programs/credentials.h"

RING(security_ring);

#define CALL(name, call_name)                                                          \
  SEC("tracepoint/syscalls/sys_enter_" #name)                                          \
  int sys_enter_##name(void* context) { return credentials_begin(); }                  \
  SEC("tracepoint/syscalls/sys_exit_" #name)                                           \
  int sys_exit_##name(const struct syscall_exit* context) {                            \
    const struct call call = ended(context, WIRE_PROGRAM_CREDENTIALS, &security_ring); \
    return credentials_ended(&call, call_name);                                        \
  }

CALL(setuid, WIRE_CALL_SETUID)
CALL(setreuid, WIRE_CALL_SETREUID)
CALL(setresuid, WIRE_CALL_SETRESUID)
CALL(setgid, WIRE_CALL_SETGID)
CALL(setregid, WIRE_CALL_SETREGID)
CALL(setresgid, WIRE_CALL_SETRESGID)
CALL(capset, WIRE_CALL_CAPSET)

char LICENSE[] SEC("license") = "GPL";
