// What goes through the rings and the maps that the programs in the kernel and the source share: fixed widths, the
// host's byte order, no padding that is not named. Read by C (programs/*.bpf.c) and C++ (decode.cpp, bpf_source.cpp).
#ifndef OSPREY_EVENTS_BPF_WIRE_H
#define OSPREY_EVENTS_BPF_WIRE_H

#include <linux/types.h>

#define WIRE_UNSET 0xffffffffU  // a login uid or session that was never set

// The rows of the map `counters`, one a program.
enum wire_program {
  WIRE_PROGRAM_EXEC,
  WIRE_PROGRAM_FORK,
  WIRE_PROGRAM_EXIT,
  WIRE_PROGRAM_EXEC_FAILED,
  WIRE_PROGRAM_SIGNAL,
  WIRE_PROGRAM_TCP,
  WIRE_PROGRAM_CONNECT,
  WIRE_PROGRAM_ACCEPT,
  WIRE_PROGRAM_DATAGRAMS,
  WIRE_PROGRAM_BIND,
  WIRE_PROGRAM_UNIX,
  WIRE_PROGRAM_UNIX_ACCEPT,
  WIRE_PROGRAM_CLOSE,
  WIRE_PROGRAM_DNS,
  WIRE_PROGRAM_PTRACE,
  WIRE_PROGRAM_MODULE,
  WIRE_PROGRAM_BPF_LOAD,
  WIRE_PROGRAM_NAMESPACE,
  WIRE_PROGRAM_CREDENTIALS,
  WIRE_PROGRAM_COMPAT,
  WIRE_PROGRAM_MODULE_CALL,
  WIRE_PROGRAM_OPEN,
  WIRE_PROGRAM_OPEN_CALL,
  WIRE_PROGRAM_MEMORY_OPEN,
  WIRE_PROGRAM_MEMORY_OPEN_CALL,
  WIRE_PROGRAMS
};

// seen = sent + filtered + ring_full + over_share + unread.
struct wire_counters {
  __u64 seen;
  __u64 sent;
  __u64 filtered;
  __u64 ring_full;
  __u64 over_share;  // the ring was filling, and the control group had its share of it
  __u64 unread;      // nothing could be told of it: memory that was not there, no scratch space
  // Of what was sent: a part is missing.
  __u64 arguments_cut;     // longer than WIRE_TEXT_MOST
  __u64 arguments_unread;  // their pages were not resident
  __u64 path_cut;          // deeper than WIRE_COMPONENTS or longer than WIRE_PATH_MOST
  __u64 answers_lost;      // of name servers
};

#define WIRE_SHARES 1024  // of the last control groups that wrote to a filling ring

#define WIRE_ROOT_GROUP 1               // the number of a hierarchy's uppermost control group
#define WIRE_MEMORY_GROUP (1ULL << 63)  // set in the number of a group of v1's memory controller

// What a control group has in a ring, from the position `since` on.
struct wire_share {
  __u64 since;
  __u64 bytes;
  __u64 lost;  // records
};

// The one row of the map `settings`.
struct wire_settings {
  __u32 self;         // the thread group whose own doings are not told
  __u32 environment;  // 1: execs bring their environment
  __u32 kills;        // 1: signals that users' processes send
  __u32 filters;      // how many rows of the map `filters` hold
  __u32 filter_asks;  // the `asks` of all of them
  __u32 generation;   // of these filters: another number, other filters
  __u32 calls;        // whose calls compat.bpf.c tells as well: bits, 1 << wire_program
  __u32 root_device;  // of the host's root directory, as the kernel has it
  __u64 root_inode;
};

#define WIRE_FILTERS 16
#define WIRE_DEPTH 16      // of control groups: what is deeper is not found to be below those above
#define WIRE_CONDITIONS 4  // of a filter

enum wire_field { WIRE_UID, WIRE_EUID, WIRE_GID, WIRE_LOGIN_UID };
// What comparing two numbers comes to: the bits of AUDIT_OPERATORS (linux/audit.h), moved down.
enum wire_comparison { WIRE_LESS = 1, WIRE_GREATER = 2, WIRE_EQUAL = 4 };

// All zero, it always holds.
struct wire_condition {
  __u32 field;
  __u32 fails;  // where comparing with the value comes to one of these
  __u32 value;
};

// A file as long as nothing about it changes: not its contents, names or rights. All zero: there is none.
struct wire_executable {
  __u64 inode;
  __s64 ctime;
  __u32 ctime_nanoseconds;
  __u32 device;  // as the kernel has it
};

// What a filter asks beside its conditions.
#define WIRE_ASKS_EXECUTABLE 1U
#define WIRE_ASKS_GROUP 2U

// What it matches is not told: where all its conditions hold.
struct wire_filter {
  struct wire_condition conditions[WIRE_CONDITIONS];
  __u32 asks;
  __u32 reserved;
  struct wire_executable executable;
  __u64 groups[2];  // the number in either hierarchy, of what is in it or below; 0: there is no such group
};

enum wire_kind {
  WIRE_EXEC = 1,
  WIRE_FORK,
  WIRE_EXIT,
  WIRE_SIGNAL,
  WIRE_SOCKET,
  WIRE_UNIX,
  WIRE_CLOSE,
  WIRE_DNS,
  WIRE_CALL,
  WIRE_OPEN,
  WIRE_TASK  // of the iterator that seeds the process tree
};

struct wire_key {
  __u64 start;  // task_struct.start_boottime
  __u32 pid;    // of the thread group
  __u32 reserved;
};

struct wire_ids {
  __u32 uid, euid, suid, fsuid;
  __u32 gid, egid, sgid, fsgid;
  __u32 login_uid, session;
};

struct wire_actor {
  struct wire_key process;
  struct wire_key parent;
  struct wire_ids ids;
  __u32 tid;
  __u32 reserved;
  __u64 cgroup_id;
  char name[16];
};

// What every record begins with.
struct wire_event {
  __u16 kind;
  __u16 program;
  __u32 flags;
  __u64 moment;  // nanoseconds, CLOCK_BOOTTIME
  struct wire_actor actor;
};

// Flags of an exec and of a task.
#define WIRE_ARGUMENTS_CUT 1U
#define WIRE_ARGUMENTS_UNREAD 2U
#define WIRE_PATH_CUT 4U
#define WIRE_DELETED 8U
#define WIRE_MEMFD 0x10U
#define WIRE_UPPER 0x20U
#define WIRE_EXECVEAT 0x40U
#define WIRE_COMPAT 0x80U  // a call of 32-bit programs, or the image is one
#define WIRE_X32 0x100U    // the same of x32
#define WIRE_CWD_CUT 0x200U
#define WIRE_SCRIPT 0x400U   // the file name is that of a script, the path its interpreter's
#define WIRE_SECURE 0x800U   // AT_SECURE of getauxval(3): with rights that who called had not, or the kernel says so
#define WIRE_GAINED 0x1000U  // more capabilities than before are permitted; together with WIRE_SECURE

#define WIRE_TEXT_MOST 32768  // of arguments, of the environment
#define WIRE_PATH_MOST 4096
#define WIRE_INSTRUCTIONS_MOST 16384  // bytes of a BPF program, 8 each
#define WIRE_COMPONENTS 256

// The texts of an exec, one after the other. Paths are their components with a NUL after each, the last one first.
enum wire_text {
  WIRE_FILENAME,  // as it was asked for
  WIRE_PATH,
  WIRE_CWD,
  WIRE_CGROUP,
  WIRE_ARGUMENTS,  // with a NUL after each
  WIRE_ENVIRONMENT,
  WIRE_TEXTS
};

struct wire_stream {
  __u32 mode;    // i_mode; 0: not open
  __u32 device;  // i_rdev, as the kernel has it: major << 20 | minor
  __u16 family;  // of a socket: AF_
  __u16 port;    // of the peer, host order; 0: none
  __u32 reserved;
  __u8 address[16];  // of the peer
};

struct wire_file {
  __u64 inode;
  __s64 size, atime, mtime, ctime;
  __u32 device;  // as the kernel has it
  __u32 mode, uid, gid;
};

struct wire_exec {
  struct wire_event event;
  __u64 arguments_size, environment_size;
  __u32 arguments, variables;  // counts
  __u32 pid_namespace, mount_namespace, network_namespace, user_namespace;
  __u64 capabilities;
  __u64 old_capabilities;  // these and those ids with WIRE_SECURE only
  struct wire_ids before;
  struct wire_file file;
  struct wire_stream streams[3];
  char tty[32];
  __u32 lengths[WIRE_TEXTS];
  __u32 reserved;
};

struct wire_fork {
  struct wire_event event;
  struct wire_key parent;  // who the child's parent is: with CLONE_PARENT not the caller
  struct wire_key child;
  __s32 call;  // its system call's number, or -1
  __u32 reserved;
};

struct wire_exit {
  struct wire_event event;
  __u64 cpu;   // nanoseconds, all threads
  __u32 code;  // as wait(2) has it
  __u32 reserved;
};

enum wire_action { WIRE_CONNECT, WIRE_ACCEPT, WIRE_ACCEPT4, WIRE_BIND, WIRE_LISTEN, WIRE_SEND, WIRE_TAKEN };

struct wire_socket {
  struct wire_event event;
  __u64 cookie;  // 0: not known
  __u32 network_namespace;
  __s32 result;  // 0, a descriptor or -errno
  __u16 action;  // wire_action
  __u16 family, type, protocol;
  __u16 local_port, remote_port;  // host order; 0: not known
  __u32 reserved;
  __u8 local[16], remote[16];  // IPv4 in the first four
};

// A connect to a Unix socket, or an accept of one.
struct wire_unix {
  struct wire_socket socket;
  __s32 descriptor;  // -1: not known
  __u32 size;        // of the name: unix(7)
  char name[112];    // a path with a NUL behind it, or one that begins with a NUL; what is behind that is not of it
};

// A connection that is over; the actor is nobody.
struct wire_close {
  struct wire_socket socket;
  __u64 sent, received;  // bytes, what was sent again not counted
};

#define WIRE_DNS_MOST 1232

// A datagram, or a segment, to or from port 53.
struct wire_dns {
  struct wire_event event;  // the actor of an answer is nobody
  __u64 cookie;
  __u16 family;
  __u16 protocol;  // IPPROTO_
  __u16 local_port;
  __u16 answer;  // 1: it came in
  __u8 server[16];
  __u32 size;  // of the payload; what is longer than WIRE_DNS_MOST is cut
  __u32 bare;  // 1: it begins with a message; 0: with the length that a message has over TCP
  __u8 payload[WIRE_DNS_MOST];
};

struct wire_signal {
  struct wire_event event;
  struct wire_key target;
  __s32 signal;
  __s32 code;  // si_code of sigaction(2)
};

enum wire_call_name {
  WIRE_CALL_EXECVE,
  WIRE_CALL_EXECVEAT,
  WIRE_CALL_PTRACE,
  WIRE_CALL_VM_READ,
  WIRE_CALL_VM_WRITE,
  WIRE_CALL_PROC_MEM,
  WIRE_CALL_BPF,
  WIRE_CALL_UNSHARE,
  WIRE_CALL_SETNS,
  WIRE_CALL_CLONE,
  WIRE_CALL_MOUNT,
  WIRE_CALL_UMOUNT,
  WIRE_CALL_MOVE_MOUNT,
  WIRE_CALL_PIVOT_ROOT,
  WIRE_CALL_CHROOT,
  WIRE_CALL_SETUID,
  WIRE_CALL_SETREUID,
  WIRE_CALL_SETRESUID,
  WIRE_CALL_SETGID,
  WIRE_CALL_SETREGID,
  WIRE_CALL_SETRESGID,
  WIRE_CALL_CAPSET,
  WIRE_CALL_INIT_MODULE,
  WIRE_CALL_FINIT_MODULE,
  WIRE_CALL_DELETE_MODULE,
  WIRE_CALLS
};

enum wire_module_event { WIRE_MODULE_CALL, WIRE_MODULE_LOADED, WIRE_MODULE_GONE };

// A system call that has returned, or what the kernel did in one. What of it is set, and what the texts are, depends on
// the call.
struct wire_call {
  struct wire_event event;
  __s64 result;
  __u64 arguments[5];
  struct wire_key target;
  __u32 target_uid;
  __u32 call;              // wire_call_name
  struct wire_ids before;  // of a change of credentials
  __u64 old_capabilities, capabilities;
  __u32 program_id, program_type;
  char program_name[16];
  __u8 program_tag[8];
  __u32 lengths[3];
  __u32 module_event;  // wire_module_event
  __u64 taints;        // of a module: bits, Documentation/admin-guide/tainted-kernels.rst
};

#define WIRE_PREFIXES 64
#define WIRE_PREFIX_MOST 128

// A key of the map `watched_prefixes`.
struct wire_prefix {
  __u32 bits;  // of the text
  char text[WIRE_PREFIX_MOST];
};

// The path follows, without a NUL.
struct wire_open {
  struct wire_event event;
  __u64 inode;
  __s64 file_size;
  __u32 device;  // as the kernel has it
  __u32 mode, uid, gid;
  __u32 path;  // bytes
  __u32 reserved;
};

// Of the iterator, one after the other: path and control group follow, as in an exec.
struct wire_task {
  struct wire_event event;
  char tty[32];
  __u32 path, cgroup;  // bytes
};

#endif
