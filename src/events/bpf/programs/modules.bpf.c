// Kernel modules that come and go, by the kernel's own hand.
#include "events/bpf/programs/modules.h"
#include "events/bpf/programs/compat.h"

RING(security_ring);

// Which of the calls about modules the current task is in; WIRE_CALLS: none. x86.
static __always_inline __u32 current_call(struct call* call) {
  const struct pt_regs* const registers = registers_here();
  call->compat = is_compat();
  call->arguments[0] = call->compat ? (__u32)REGISTER(registers, bx) : REGISTER(registers, di);
  call->arguments[1] = call->compat ? (__u32)REGISTER(registers, cx) : REGISTER(registers, si);
  call->arguments[2] = REGISTER(registers, dx);
  const __u64 number = REGISTER(registers, orig_ax);
  if (call->compat) return module_call(number);
  switch (number) {
    case 175:
      return WIRE_CALL_INIT_MODULE;
    case 176:
      return WIRE_CALL_DELETE_MODULE;
    case 313:
      return WIRE_CALL_FINIT_MODULE;
    default:
      return WIRE_CALLS;
  }
}

static __always_inline int told(struct module* module, bool gone) {
  struct call call = {.program = WIRE_PROGRAM_MODULE, .ring = &security_ring};
  const __u32 name = current_call(&call);
  struct scratch* const scratch = begin_call(&call, name);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  record->module_event = gone ? WIRE_MODULE_GONE : WIRE_MODULE_LOADED;
  record->taints = BPF_CORE_READ(module, taints);
  if (add(scratch, &module->name, sizeof(module->name))) record->lengths[0] = scratch->at;
  if (!gone) add_module_source(scratch, &call, name);
  return end_call(&call, scratch);
}

SEC("tp_btf/module_load")
int BPF_PROG(module_load, struct module* module) { return told(module, false); }

SEC("tp_btf/module_free")
int BPF_PROG(module_free, struct module* module) { return told(module, true); }

char LICENSE[] SEC("license") = "GPL";
