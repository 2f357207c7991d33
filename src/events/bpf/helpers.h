// Helpers: the functions of the kernel that a BPF program calls (bpf-helpers(7)), by its instructions.
#pragma once

#include <string_view>
#include <vector>

namespace osprey::events::bpf {

// "bpf_map_lookup_elem"…, each once, in the order of their first calls. `instructions`: structs bpf_insn (linux/bpf.h)
// as a program gives them to bpf(2). Left out is what these headers have no name for: newer helpers, and kernel
// functions called by their type's number.
std::vector<std::string_view> helpers_of(std::string_view instructions);

}  // namespace osprey::events::bpf
