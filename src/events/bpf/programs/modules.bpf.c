// Kernel modules that come and go, by the kernel's own hand.
#include "events/bpf/programs/actor.h"

RING(security_ring);

static __always_inline int told(struct module* module, bool loaded) {
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_MODULE);
  if (!counts) return 0;
  counts->seen++;
  struct wire_module record = {};
  begin(&record.event, WIRE_MODULE, WIRE_PROGRAM_MODULE, (void*)bpf_get_current_task());
  record.loaded = loaded;
  record.taints = BPF_CORE_READ(module, taints);
  bpf_core_read_str(record.name, sizeof(record.name), &module->name);
  SEND(security_ring, counts, record);
  return 0;
}

SEC("tp_btf/module_load")
int BPF_PROG(module_load, struct module* module) { return told(module, true); }

SEC("tp_btf/module_free")
int BPF_PROG(module_free, struct module* module) { return told(module, false); }

char LICENSE[] SEC("license") = "GPL";
