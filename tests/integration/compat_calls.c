/* Makes calls by the other ways into the kernel: by int 0x80, as a 32-bit program and from 64-bit code alike (-no-pie: what is
 * static lies below 4 GiB), or with -DX32 as x32's; no libc. A row a call: its number in syscall_32.tbl, for x32 in
 * syscall_64.tbl, and what it is given. Run as root; ends with 0, or with the number of the call that should have worked and
 * did not. Where the kernel has no x32, none does. */
#ifdef X32
#define NUMBER(i386, x32) (0x40000000 | (x32))
static int call(long number, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "memory", "rcx", "r11");
  return result;
}
#else
#define NUMBER(i386, x32) (i386)
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
#endif

#define AT(text) ((long)(text))
#define ENOSYS 38

static const char none[] = "./none";
static const char words[2][8] = {"a", "b c"};
static unsigned arguments[3];
static unsigned attribute[30]; /* union bpf_attr */

static void leave(int code) {
#ifdef X32
  call(60, code, 0, 0, 0, 0);
#else
  call(1, code, 0, 0, 0, 0);
#endif
}

static int should_work(int result, int number) {
  if (result < 0 && result != -ENOSYS) leave(number);
  return result;
}

static const char *memory_of(unsigned pid) {
  static char path[] = "/proc/0000000000/mem";
  char *at = path + 16;
  for (; pid; pid /= 10) *--at = '0' + pid % 10;
  for (int i = 5; i >= 0; --i) *--at = "/proc/"[i];
  return at;
}

void _start(void) {
  arguments[0] = AT(words[0]), arguments[1] = AT(words[1]);
  call(NUMBER(11, 520), AT(none), AT(arguments), 0, 0, 0);                            /* execve */
  should_work(call(NUMBER(310, 272), 0x20000, 0, 0, 0, 0), 1);                        /* unshare, CLONE_NEWNS */
  call(NUMBER(21, 165), AT("none"), AT("/"), 0, 0x44000, 0);                          /* mount */
  should_work(call(NUMBER(21, 165), AT("here"), AT("/mnt"), AT("tmpfs"), 6, 0), 2);
  call(NUMBER(52, 166), AT("/mnt"), 2, 0, 0, 0);                                      /* umount2 */
#ifdef X32
  call(NUMBER(0, 166), AT("/mnt"), 0, 0, 0, 0);
#else
  call(22, AT("/mnt"), 2, 0, 0, 0);                                                   /* umount */
#endif
  call(NUMBER(61, 161), AT("/"), 0, 0, 0, 0);                                         /* chroot */
  call(NUMBER(346, 308), -1, 0x20000, 0, 0, 0);                                       /* setns */
  call(NUMBER(217, 155), AT("/nowhere"), AT("/none"), 0, 0, 0);                       /* pivot_root */
  call(NUMBER(429, 429), -100, AT("/none"), -100, AT("/nowhere"), 0);                 /* move_mount */
  call(NUMBER(26, 521), 16, 4194305, 0, 0, 0);                                        /* ptrace, PTRACE_ATTACH */
  call(NUMBER(347, 539), 4194305, 0, 0, 0, 0);                                        /* process_vm_readv */
  int child = should_work(call(NUMBER(2, 57), 0, 0, 0, 0, 0), 3);                     /* fork */
  while (!child) call(NUMBER(29, 34), 0, 0, 0, 0, 0);                                 /* pause */
  if (child > 0) {
    should_work(call(NUMBER(5, 2), AT(memory_of(child)), 1, 0, 0, 0), 4);             /* open, O_WRONLY */
    call(NUMBER(37, 62), child, 15, 0, 0, 0);                                         /* kill */
  }
  call(NUMBER(357, 321), 5, AT(attribute), sizeof(attribute), 0, 0);                  /* bpf, BPF_PROG_LOAD */
  should_work(call(NUMBER(210, 119), 1003, 1004, 1005, 0, 0), 5);                     /* setresgid32 */
  should_work(call(NUMBER(208, 117), -1, 1000, -1, 0, 0), 6);                         /* setresuid32 */
  should_work(call(NUMBER(208, 117), -1, 0, -1, 0, 0), 7);
  should_work(call(NUMBER(23, 105), 1001, 0, 0, 0, 0), 8);                            /* setuid of 16 bits */
  call(NUMBER(213, 105), 0, 0, 0, 0, 0);                                              /* setuid32 */
  leave(0);
}
