// Kernel modules that come and go, by the kernel's own hand.
#include "events/bpf/programs/modules.h"
#include "events/bpf/programs/compat.h"

RING(security_ring);

// Which of the calls about modules the current task is in; WIRE_CALLS: none. x86.
static __always_inline __u32 current_call(struct call* call) {
  const struct pt_regs* const registers = registers_here();
  const __u64 number = number_here();
  call->way = way_here();
  const bool i386 = call->way == WIRE_COMPAT;
  call->arguments[0] = i386 ? (__u32)REGISTER(registers, bx) : REGISTER(registers, di);
  call->arguments[1] = i386 ? (__u32)REGISTER(registers, cx) : REGISTER(registers, si);
  call->arguments[2] = REGISTER(registers, dx);
  // x32's numbers of these are those of others.
  const __u32 name = i386 ? i386_call(number) : x32_call(call->way == WIRE_X32 ? number & ~X32_BIT : number);
  return is_about_modules(name) ? name : WIRE_CALLS;
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
