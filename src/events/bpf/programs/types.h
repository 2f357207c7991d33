// What the programs need to know of the kernel's own types: names of members only, the loader finds where each is in
// the running kernel (CO-RE). A type whose members have been renamed has a flavour, NAME___what.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

typedef _Bool bool;
#define true 1
#define false 0

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_DGRAM 2

// What a program of a tracepoint of a system call's end is given (events/syscalls/sys_exit_*/format).
struct syscall_exit {
  __u64 common;
  __s64 number;
  __s64 result;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  __s64 counter;
} atomic64_t;
typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;

struct ns_common {
  unsigned int inum;
};
struct user_namespace {
  struct ns_common ns;
  struct user_namespace* parent;
};
struct pid_namespace {
  struct ns_common ns;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct net {
  struct ns_common ns;
};
struct nsproxy {
  void* uts_ns;
  void* ipc_ns;
  struct mnt_namespace* mnt_ns;
  void* pid_ns_for_children;
  struct net* net_ns;
  void* cgroup_ns;
};
struct upid {
  int nr;
  struct pid_namespace* ns;
};
struct hlist_node {
  struct hlist_node* next;
};
struct hlist_head {
  struct hlist_node* first;
};
struct pid {
  unsigned int level;
  struct hlist_head tasks[1];  // by PIDTYPE_PID first
  struct upid numbers[1];
};

typedef struct {
  __u64 val;  // before 6.3 two words of 32 bits: the same bytes, so nobody names it
} kernel_cap_t;

struct cred {
  kuid_t uid, suid, euid, fsuid;
  kgid_t gid, sgid, egid, fsgid;
  kernel_cap_t cap_permitted, cap_effective;
  struct user_namespace* user_ns;
};

struct qstr {
  __u32 len;
  const unsigned char* name;
};
struct hlist_bl_node {
  struct hlist_bl_node** pprev;
};
struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct super_block {
  __u32 s_dev;
  unsigned long s_magic;
};
struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};
struct inode {
  __u16 i_mode;
  kuid_t i_uid;
  kgid_t i_gid;
  struct super_block* i_sb;
  unsigned long i_ino;
  unsigned int i_nlink;
  __u32 i_rdev;
  __s64 i_size;
  __s64 i_atime_sec, i_mtime_sec, i_ctime_sec;
  __u32 i_ctime_nsec;  // and from 6.13 on a flag above it
};
struct inode___before_6_11 {
  struct timespec64 i_atime, i_mtime, i_ctime;
};
struct inode___6_6 {
  struct timespec64 __i_atime, __i_mtime, __i_ctime;
};
struct file {
  struct path f_path;
  struct inode* f_inode;
  unsigned int f_mode;
  const struct cred* f_cred;
  void* private_data;
};
struct proc_inode {
  struct pid* pid;
  struct inode vfs_inode;
};
struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};
struct files_struct {
  struct fdtable* fdt;
};
struct fs_struct {
  struct path root, pwd;
};

struct in6_addr {
  __u8 s6_addr[16];
};
typedef struct {
  struct net* net;
} possible_net_t;
struct sock_common {
  __be32 skc_daddr, skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
  possible_net_t skc_net;
  unsigned long skc_flags;
  atomic64_t skc_cookie;  // 0 until somebody asks for it
};
struct socket;
struct cgroup;
struct sock_cgroup_data {
  struct cgroup* cgroup;  // before 5.16 a number among others
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_type, sk_protocol;
  int sk_err;
  struct socket* sk_socket;  // NULL until a process has it
  struct sock_cgroup_data sk_cgrp_data;
};
enum sock_flags { SOCK_DONE = 1 };
struct inet_sock {
  __be16 inet_sport;
};
struct tcp_sock {
  __u64 bytes_sent, bytes_retrans, bytes_received;
};
struct socket {
  struct sock* sk;
};

struct sockaddr_un {
  char sun_path[108];
};
struct unix_address {
  int len;  // with the family
  struct sockaddr_un name[1];
};
struct unix_sock {
  struct unix_address* addr;
};

struct kernfs_node {
  struct kernfs_node* __parent;
  const char* name;
  __u64 id;
};
struct kernfs_node___before_6_15 {
  struct kernfs_node* parent;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct cgroup_subsys_state {
  struct cgroup* cgroup;
};
struct css_set {
  struct cgroup_subsys_state* subsys[16];
  struct cgroup* dfl_cgrp;
};
enum cgroup_subsys_id { memory_cgrp_id = 4 };

struct tty_struct {
  char name[64];
};
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
  struct tty_struct* tty;
  unsigned long long sum_sched_runtime;
};
struct sched_entity {
  __u64 sum_exec_runtime;
};
struct mm_struct {
  unsigned long arg_start, arg_end, env_start, env_end;
  struct file* exe_file;
};
struct thread_info {
  unsigned long flags;
  __u32 status;  // x86
};
struct pt_regs {  // x86
  unsigned long r10, r8, bx, cx, dx, si, di, orig_ax;
};
struct list_head {
  struct list_head* next;
};
struct task_struct {
  struct thread_info thread_info;
  void* stack;
  struct sched_entity se;
  struct mm_struct* mm;
  int exit_code;
  int pid, tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct hlist_node pid_links[1];
  __u64 start_boottime;
  const struct cred* cred;
  char comm[16];
  struct fs_struct* fs;
  struct files_struct* files;
  struct nsproxy* nsproxy;
  struct signal_struct* signal;
  kuid_t loginuid;
  unsigned int sessionid;
  struct css_set* cgroups;
  unsigned int kasan_depth;
  struct list_head ptraced;  // those that it traces, the newest first
  struct list_head ptrace_entry;
};
struct kernel_siginfo {
  int si_code;
};
struct module {
  char name[56];
  unsigned long taints;
};
struct bpf_prog_aux {
  __u32 id;
  const char* attach_func_name;
  char name[16];
};
struct bpf_prog {
  enum bpf_prog_type type;
  __u8 tag[8];
  struct bpf_prog_aux* aux;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};
struct linux_binprm {
  unsigned int secureexec : 1;
  struct file* file;
  int argc, envc;
  const char* filename;
  const char* interp;
};
struct linux_binprm___5_9 {
  const char* fdpath;
};

#pragma clang attribute pop
