// The source "bpf": programs in the kernel (programs/*.bpf.c), each loaded only while it is asked for.
//
// It sees every process of the machine, those of containers too, and needs a kernel from 5.8 on that tells its types
// (/sys/kernel/btf/vmlinux), and CAP_BPF and CAP_PERFMON; for DNS and datagrams CAP_NET_ADMIN and cgroup v2 mounted
// somewhere. All of this holds for open() at any time, not only for the first: what is changed hot is loaded anew.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "events/source.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events::bpf {

// Rings in bytes, powers of two; all of it is taken from the kernel's memory when the first program that writes there
// is loaded.
struct BpfOptions {
  std::uint32_t process_ring = 8 << 20;
  std::uint32_t network_ring = 8 << 20;
  std::uint32_t security_ring = 2 << 20;
  std::uint32_t file_ring = 2 << 20;
  WatchPatterns::Meaning meaning = WatchPatterns::Meaning::exact;  // of the watched paths
  // How often the files and control groups that filters name are looked up anew.
  std::chrono::milliseconds renewal = std::chrono::seconds(30);
  // A file of BTF that the programs take for this kernel's, to do without what it does not have. Empty: its own.
  std::string types;
};

class BpfSource : public Source {
 public:
  // Gives each process that there is now, kernel threads and zombies too, once; for the process tree. Needs not be
  // open. Without arguments; an actor's texts last for the call.
  virtual Result<void> seed(const std::function<void(const Actor&)>& visit) = 0;
};

// descriptor() becomes readable as a ring passes a quarter of its size; besides, next() is to be called every 100 ms.
std::unique_ptr<BpfSource> make_bpf_source(const BpfOptions& options = {});

}  // namespace osprey::events::bpf
