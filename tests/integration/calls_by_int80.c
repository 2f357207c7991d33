/* Makes calls by int 0x80, as a 32-bit program and from 64-bit code alike (-no-pie: what is static lies below 4 GiB); no
 * libc. A row a call: its number in syscall_32.tbl and what it is given. Run as root; ends with 0, or with the number of
 * the call that should have worked and did not. */
#ifdef __x86_64__
#define ALSO , "r8", "r9", "r10", "r11"
#else
#define ALSO
#endif

static int call(long number, long a, long b, long c, long d, long e) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory" ALSO);
  return result;
}

#define AT(text) ((long)(text))

static const char none[] = "./none";
static const char words[2][8] = {"a", "b c"};
static unsigned arguments[3];
static unsigned attribute[30]; /* union bpf_attr */

static const char *memory_of(unsigned pid) {
  static char path[] = "/proc/0000000000/mem";
  char *at = path + 16;
  for (; pid; pid /= 10) *--at = '0' + pid % 10;
  for (int i = 5; i >= 0; --i) *--at = "/proc/"[i];
  return at;
}

void _start(void) {
  arguments[0] = AT(words[0]), arguments[1] = AT(words[1]);
  call(11, AT(none), AT(arguments), 0, 0, 0);                             /* execve */
  if (call(310, 0x20000, 0, 0, 0, 0)) call(1, 1, 0, 0, 0, 0);             /* unshare, CLONE_NEWNS */
  call(21, AT("none"), AT("/"), 0, 0x44000, 0);                           /* mount */
  if (call(21, AT("here"), AT("/mnt"), AT("tmpfs"), 6, 0)) call(1, 2, 0, 0, 0, 0);
  call(52, AT("/mnt"), 2, 0, 0, 0);                                       /* umount2 */
  call(22, AT("/mnt"), 2, 0, 0, 0);                                       /* umount */
  call(61, AT("/"), 0, 0, 0, 0);                                          /* chroot */
  call(346, -1, 0x20000, 0, 0, 0);                                        /* setns */
  call(217, AT("/nowhere"), AT("/none"), 0, 0, 0);                        /* pivot_root */
  call(429, -100, AT("/none"), -100, AT("/nowhere"), 0);                  /* move_mount */
  call(26, 16, 4194305, 0, 0, 0);                                         /* ptrace, PTRACE_ATTACH */
  call(347, 4194305, 0, 0, 0, 0);                                         /* process_vm_readv */
  int child = call(2, 0, 0, 0, 0, 0);                                     /* fork */
  if (!child) for (;;) call(29, 0, 0, 0, 0, 0);                           /* pause */
  if (call(5, AT(memory_of(child)), 1, 0, 0, 0) < 0) call(1, 7, 0, 0, 0, 0); /* open, O_WRONLY */
  call(37, child, 9, 0, 0, 0);                                            /* kill */
  call(357, 5, AT(attribute), sizeof(attribute), 0, 0);                   /* bpf, BPF_PROG_LOAD */
  if (call(210, 1003, 1004, 1005, 0, 0)) call(1, 3, 0, 0, 0, 0);          /* setresgid32 */
  if (call(208, -1, 1000, -1, 0, 0)) call(1, 4, 0, 0, 0, 0);              /* setresuid32 */
  if (call(208, -1, 0, -1, 0, 0)) call(1, 5, 0, 0, 0, 0);
  if (call(23, 1001, 0, 0, 0, 0)) call(1, 6, 0, 0, 0, 0);                 /* setuid of 16 bits */
  call(213, 0, 0, 0, 0, 0);                                               /* setuid32 */
  call(1, 0, 0, 0, 0, 0);                                                 /* exit */
}
