// random_actor SEED FIRST COUNT KIND FOLDER RECORD: does COUNT actions of a kind (exec, quick, socket, file), each from
// its own number and SEED, and writes to RECORD what it did, a JSON object a line, bytes of texts as U+0000 to U+00FF.
//
// Linked static and not position-independent: what lies in static memory can be given to int $0x80. FOLDER has what
// test_random_actions.py puts there. With OSPREY_ONE in its environment it is what was run: it writes what it is.
// Built for 32 bits it only runs WITNESS with its own arguments.
#ifdef __i386__
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
__attribute__((used)) static void begin(long* stack) {
  call(11, (long)WITNESS, (long)(stack + 1), (long)(stack + 1 + stack[0] + 1));
  call(1, 99, 0, 0);
}
__asm__(".globl _start\n_start: mov %esp, %eax\n push %eax\n call begin\n");
#else
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

enum { PROC = 100, RECORD = 101 };

static void fail(const char* what) {
  fprintf(stderr, "random_actor: %s: %s\n", what, strerror(errno));
  _exit(97);
}
static long must(long result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

// --- what is written

static char line[2 << 20];
static size_t used;

static void put(const char* form, ...) {
  va_list arguments;
  va_start(arguments, form);
  used += vsnprintf(line + used, sizeof line - used, form, arguments);
  va_end(arguments);
}
static void put_bytes(const char* bytes, size_t size) {
  put("\"");
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = bytes[i];
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      put("\\u%04x", c);
    else
      line[used++] = c;
  }
  put("\"");
}
static void put_text(const char* name, const char* text) {
  put(",\"%s\":", name);
  put_bytes(text, strlen(text));
}
static void put_list(const char* name, char* const* texts) {
  put(",\"%s\":[", name);
  for (int i = 0; texts[i]; ++i) {
    put(i ? "," : "");
    put_bytes(texts[i], strlen(texts[i]));
  }
  put("]");
}
static void write_line(void) {
  put("}\n");
  if (write(RECORD, line, used) != (ssize_t)used) fail("record");
  used = 0;
}
// Field `number` of a process's stat (proc(5)).
static unsigned long long stat_field(int pid, int number) {
  char path[32], text[1024];
  if (pid)
    snprintf(path, sizeof path, "%d/stat", pid);
  else
    strcpy(path, "self/stat");
  const int fd = openat(PROC, path, O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return 0;
  text[size] = 0;
  char* at = strrchr(text, ')') + 2;
  for (int i = 3; i < number; ++i) at = strchr(at, ' ') + 1;
  return strtoull(at, 0, 10);
}
static unsigned long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return time.tv_sec * 1000000000ULL + time.tv_nsec;
}
static void put_file(const struct stat* about) {
  put(",\"file\":{\"mode\":%u,\"uid\":%u,\"gid\":%u,\"size\":%lld,\"mtime\":%lld,\"ctime\":%lld,\"inode\":%llu,"
      "\"device\":%llu}",
      about->st_mode, about->st_uid, about->st_gid, (long long)about->st_size, (long long)about->st_mtime,
      (long long)about->st_ctime, (unsigned long long)about->st_ino, (unsigned long long)about->st_dev);
}

// --- what was run: what the kernel tells it of itself

static long long number_in(const char* path) {
  char text[32] = {0};
  const int fd = openat(PROC, path, O_RDONLY);
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  return size > 0 ? strtoll(text, 0, 10) : -1;
}
static void put_link(const char* name, const char* path) {
  static char target[8192];
  const ssize_t size = readlinkat(PROC, path, target, sizeof target);
  put(",\"%s\":", name);
  put_bytes(target, size < 0 ? 0 : size);
}
static unsigned long long inode_of(const char* path) {
  struct stat about;
  return fstatat(PROC, path, &about, 0) ? 0 : about.st_ino;
}
static int witness(char** argv, char** env, const char* order) {
  int number, code;
  char mode;
  if (sscanf(order, "%d %c %d", &number, &mode, &code) != 3) return 96;
  if (mode != 'q') {
    char cwd[8192], name[17] = {0};
    unsigned ids[8], capabilities[2] = {0};
    struct stat about;
    put("{\"witness\":%d,\"pid\":%d,\"parent\":%d,\"start\":%llu,\"terminal\":%llu", number, getpid(), getppid(),
        stat_field(0, 22), stat_field(0, 7));
    put_list("argv", argv);
    put_list("env", env);
    put_text("cwd", getcwd(cwd, sizeof cwd) ? cwd : "");
    put_link("exe", "self/exe");
    prctl(PR_GET_NAME, name);
    put_text("name", name);
    getresuid(&ids[0], &ids[1], &ids[2]);
    ids[3] = setfsuid(-1);
    getresgid(&ids[4], &ids[5], &ids[6]);
    ids[7] = setfsgid(-1);
    put(",\"ids\":[%u,%u,%u,%u,%u,%u,%u,%u,%lld,%lld]", ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7],
        number_in("self/loginuid"), number_in("self/sessionid"));
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (!syscall(SYS_capget, &head, data)) capabilities[0] = data[0].effective, capabilities[1] = data[1].effective;
    put(",\"capabilities\":%llu", capabilities[0] | (unsigned long long)capabilities[1] << 32);
    put(",\"namespaces\":[%llu,%llu,%llu,%llu]", inode_of("self/ns/pid"), inode_of("self/ns/mnt"),
        inode_of("self/ns/net"), inode_of("self/ns/user"));
    if (!fstatat(PROC, "self/exe", &about, 0)) put_file(&about);
    write_line();
  }
  if (mode == 'l') usleep(50000);
  if (mode == 's') {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    kill(getpid(), code);
  }
  return code;
}

// --- chance: splitmix64

static uint64_t state;
static uint64_t dice(uint64_t sides) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (z ^ z >> 31) % sides;
}
static int one_in(int sides) { return dice(sides) == 0; }

static char texts[256 << 10];  // of arguments
static size_t texts_used;

static const unsigned char kBytes[] = {' ', '"', '\'', '\n', '\t', '\\', 1,   0x7f, 0x80, 0xff, 0xc3, 0xa9,
                                       '$', '=', ',',  ';',  'a',  'b',  'c', '/',  '.',  '-',  '0',  '%'};
// A text of `size` bytes, `but` not among them.
static char* random_text(size_t size, char but) {
  char* text = texts + texts_used;
  for (size_t i = 0; i < size; ++i) {
    char c = kBytes[dice(sizeof kBytes)];
    text[i] = c == but ? 'x' : c;
  }
  text[size] = 0;
  texts_used += size + 1;
  return text;
}

// --- ways into the kernel

static long int80(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "0"(number), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}

static int ring = -1;
static struct io_uring_params about_ring;
static char *queue, *finished;
static struct io_uring_sqe* entries;

static int by_io_uring(int operation, int fd, const void* address, unsigned long offset, unsigned size,
                       unsigned flags) {
  if (ring < 0) {
    ring = must(syscall(SYS_io_uring_setup, 4, &about_ring), "io_uring_setup");
    queue = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    finished = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    entries = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  }
  unsigned *tail = (unsigned*)(queue + about_ring.sq_off.tail), *array = (unsigned*)(queue + about_ring.sq_off.array);
  unsigned* head = (unsigned*)(finished + about_ring.cq_off.head);
  struct io_uring_cqe* results = (struct io_uring_cqe*)(finished + about_ring.cq_off.cqes);
  memset(entries, 0, sizeof *entries);
  entries->opcode = operation, entries->fd = fd, entries->addr = (unsigned long)address, entries->off = offset;
  entries->len = size, entries->open_flags = flags;
  array[*tail & (about_ring.sq_entries - 1)] = 0;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  must(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0), "io_uring_enter");
  const int result = results[*head & (about_ring.cq_entries - 1)].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  return result;
}

// --- execs

static char folder[4096];
static char path_text[8192];
static char* argv_[600];
static unsigned short_argv[600], short_env[4];  // for int $0x80
static char order_text[64], two_text[256];
static char* env_[4];
static char thread_stack[64 << 10] __attribute__((aligned(16)));

enum How {
  PLAIN,
  RELATIVE,
  SYMLINK,
  AT_FOLDER,
  AT_DESCRIPTOR,
  MEMFD,
  DELETED,
  INT80,
  SCRIPT,
  SCRIPT_WITH_ARGUMENT,
  BY_THREAD,
  BITS32,
  CHROOT,
  SETUID_FILE,
  MISSING,
  NOT_EXECUTABLE,
  NO_FORMAT,
  NOT_A_FOLDER,
  LOOP,
  NO_INTERPRETER,
  TOO_LONG,
  HOWS
};
static const char* const kHows[HOWS] = {
    "plain",          "relative",  "symlink",      "at folder",   "at descriptor",
    "memfd",          "deleted",   "int80",        "script",      "script with argument",
    "by thread",      "32 bits",   "chroot",       "setuid file", "missing",
    "not executable", "no format", "not a folder", "loop",        "no interpreter",
    "too long"};
static int fails(enum How how) { return how >= MISSING; }

static void random_argv(enum How how) {
  texts_used = 0;
  int count = 0;
  if (how == TOO_LONG) {
    argv_[count++] = random_text(200 << 10, 0);
  } else if (!one_in(40)) {
    const int shape = dice(100);
    const int many = shape < 2 ? 400 : dice(8) + 1;
    for (int i = 0; i < many; ++i) argv_[count++] = random_text(dice(4) ? dice(40) : dice(3), 0);
    if (shape == 99) argv_[count++] = random_text(1000 + dice(100 << 10), 0);
    if (shape == 98)
      for (int i = 0; i < 30; ++i) argv_[count++] = random_text(3000, 0);
  }
  argv_[count] = 0;
}

static const char* program(const char* name) {
  snprintf(path_text, sizeof path_text, "%s/%s", folder, name);
  return path_text;
}
static int do_execveat(int fd, const char* name, int flags) {
  return syscall(SYS_execveat, fd, name, argv_, env_, flags);
}

static int thread_execs(void* nothing) {
  (void)nothing;
  syscall(SYS_execve, path_text, argv_, env_);
  _exit(98);
}

// Does the exec; comes back if it is refused, then with the error.
static int do_exec(enum How how) {
  switch (how) {
    case RELATIVE:
      must(chdir(folder), "chdir");
      must(chdir("sub"), "chdir");
      execve(strcpy(path_text, "../sub/.././witness"), argv_, env_);
      break;
    case AT_FOLDER:
      do_execveat(open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), "witness", 0);
      break;
    case AT_DESCRIPTOR:
      do_execveat(open(program("witness"), O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH);
      break;
    case MEMFD: {
      const int memory = memfd_create("some name", MFD_CLOEXEC), file = open(program("witness"), O_RDONLY | O_CLOEXEC);
      while (sendfile(memory, file, 0, 1 << 20) > 0) {
      }
      do_execveat(memory, "", AT_EMPTY_PATH);
      break;
    }
    case DELETED: {
      char name[64];
      snprintf(name, sizeof name, "gone-%d", getpid());
      const int copy = open(program(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
      char own[8192];
      snprintf(own, sizeof own, "%s/witness", folder);
      const int file = open(own, O_RDONLY | O_CLOEXEC);
      while (sendfile(copy, file, 0, 1 << 20) > 0) {
      }
      close(copy);
      const int gone = open(path_text, O_PATH | O_CLOEXEC);
      unlink(path_text);
      do_execveat(gone, "", AT_EMPTY_PATH);
      break;
    }
    case INT80: {
      int i = 0;
      for (; argv_[i]; ++i) short_argv[i] = (unsigned)(long)argv_[i];
      short_argv[i] = 0;
      for (i = 0; env_[i]; ++i) short_env[i] = (unsigned)(long)env_[i];
      short_env[i] = 0;
      program("witness");
      errno = -int80(11, (long)path_text, (long)short_argv, (long)short_env);
      break;
    }
    case BY_THREAD:
      program("witness");
      must(clone(thread_execs, thread_stack + sizeof thread_stack,
                 CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0),
           "clone");
      for (;;) pause();
    case CHROOT:
      must(chroot(program("root")), "chroot");
      must(chdir("/"), "chdir");
      execve(strcpy(path_text, "/bin/inside"), argv_, env_);
      break;
    default: {
      static const char* const kNames[HOWS] = {[PLAIN] = "witness",
                                               [SYMLINK] = "link",
                                               [SCRIPT] = "script",
                                               [SCRIPT_WITH_ARGUMENT] = "script with argument",
                                               [BITS32] = "i386",
                                               [SETUID_FILE] = "other's",
                                               [MISSING] = "not\xff there",
                                               [NOT_EXECUTABLE] = "plain",
                                               [NO_FORMAT] = "garbage",
                                               [NOT_A_FOLDER] = "plain/x",
                                               [LOOP] = "loop",
                                               [NO_INTERPRETER] = "lost",
                                               [TOO_LONG] = "witness"};
      syscall(SYS_execve, program(kNames[how]), argv_, env_);
    }
  }
  return errno;
}

static const char* const kStreams[] = {"null", "pipe", "file", "none", "socket", "same"};
static int stream_of[3];
static void set_streams(void) {
  for (int fd = 0; fd < 3; ++fd) {
    int pair[2];
    switch (stream_of[fd]) {
      case 0:
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
        break;
      case 1:
        if (!pipe2(pair, O_CLOEXEC)) dup2(pair[fd != 0], fd);
        break;
      case 2:
        dup2(open(program("plain"), O_RDWR | O_CLOEXEC), fd);
        break;
      case 3:
        close(fd);
        break;
      case 4:
        if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) dup2(pair[0], fd);
        break;
    }
  }
}

static void exec_action(int number) {
  // Plain ones are the bulk.
  const enum How how = one_in(2) ? PLAIN : (enum How)dice(HOWS);
  const int by_vfork = how == PLAIN && one_in(3);
  const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGHUP, SIGUSR1};
  const int by_signal = one_in(8), quick = !by_signal && one_in(3), lingers = !quick && !by_signal && one_in(150);
  const int code = by_signal ? signals[dice(6)] : (int)dice(256);
  const int changes_ids = !by_vfork && how != CHROOT && one_in(6);
  const int new_namespace = !by_vfork && how != CHROOT && one_in(60);
  const int new_session = !by_vfork && one_in(20);
  unsigned ids[6];
  for (int i = 0; i < 6; ++i) ids[i] = 1000 + dice(5000);
  random_argv(how);
  snprintf(order_text, sizeof order_text, "OSPREY_ONE=%d %c %d", number,
           by_signal ? 's'
           : quick   ? 'q'
           : lingers ? 'l'
                     : 'r',
           code);
  int variables = 0;
  if (one_in(2)) env_[variables++] = "OTHER=x";
  env_[variables++] = order_text;
  if (one_in(2)) env_[variables++] = strcat(strcpy(two_text, "OSPREY_TWO="), random_text(dice(200), 0));
  env_[variables] = 0;
  for (int fd = 0; fd < 3; ++fd) stream_of[fd] = how == SETUID_FILE ? 0 : (int)dice(5);
  const char* folders[] = {"", "sub", "with \"quotes\"\nand lines", "\xff\xfe"};
  const char* const at = folders[dice(4)];
  const int way = dice(3);

  // In a vfork's child nothing may be done but the exec: all else is done before, and undone.
  const int kept[3] = {fcntl(0, F_DUPFD_CLOEXEC, 200), fcntl(1, F_DUPFD_CLOEXEC, 200), fcntl(2, F_DUPFD_CLOEXEC, 200)};
  must(chdir(program(at)), "chdir");
  if (by_vfork) {
    set_streams();
    program("witness");
  }
  int failed[2];
  must(pipe2(failed, O_CLOEXEC), "pipe");
  const unsigned long long before = now();
  struct clone_args arguments = {.exit_signal = SIGCHLD};
  int pid;
  if (by_vfork)
    pid = vfork();
  else if (way == 0 || how == BY_THREAD)
    pid = syscall(SYS_fork);
  else if (way == 1)
    pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  else
    pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) {
    if (by_vfork) {
      execve(path_text, argv_, env_);
      _exit(98);
    }
    if (new_session) setsid();
    if (new_namespace) must(unshare(CLONE_NEWNS), "unshare");
    set_streams();
    if (changes_ids) {
      must(syscall(SYS_setgroups, 0, 0), "setgroups");
      must(syscall(SYS_setresgid, ids[0], ids[1], ids[2]), "setresgid");
      must(syscall(SYS_setresuid, ids[3], ids[4], ids[5]), "setresuid");
    }
    const int error = do_exec(how);
    if (write(failed[1], &error, sizeof error) < 0) _exit(98);
    if (write(failed[1], path_text, strlen(path_text)) < 0) _exit(98);
    _exit(code);
  }
  must(pid, "fork");
  close(failed[1]);
  int error = 0;
  siginfo_t info;
  struct rusage usage;
  int status;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), "waitid");
  const unsigned long long after = now(), start = stat_field(pid, 22);
  must(wait4(pid, &status, 0, &usage), "wait4");
  char filename[8192] = {0};
  if (read(failed[0], &error, sizeof error) > 0 && read(failed[0], filename, sizeof filename - 1) < 0) fail("read");
  close(failed[0]);
  for (int fd = 0; fd < 3; ++fd) {
    dup2(kept[fd], fd);
    close(kept[fd]);
  }
  put("{\"action\":%d,\"kind\":\"exec\",\"how\":\"%s\",\"pid\":%d,\"start\":%llu,\"parent\":%d,\"before\":%llu,"
      "\"after\":%llu,"
      "\"code\":%d,\"signal\":%d,\"core\":%d,\"cpu\":%lld,\"fork\":\"%s\",\"error\":%d,\"ids_changed\":%d",
      number, kHows[how], pid, start, getpid(), before, after,
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0,
      WIFSIGNALED(status) && WCOREDUMP(status),
      (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
      by_vfork                       ? "vfork"
      : way == 0 || how == BY_THREAD ? "fork"
      : way == 1                     ? "clone"
                                     : "clone3",
      error, changes_ids);
  put_text("mode", quick ? "q" : lingers ? "l" : by_signal ? "s" : "r");
  put_list("argv", argv_);
  put_list("env", env_);
  put_text("cwd", *at ? program(at) : folder);
  if (fails(how)) put_text("filename", filename);
  if (changes_ids)
    put(",\"ids\":[%u,%u,%u,%u,%u,%u,%u,%u]", ids[3], ids[4], ids[5], ids[4], ids[0], ids[1], ids[2], ids[1]);
  put(",\"streams\":[\"%s\",\"%s\",\"%s\"]", kStreams[stream_of[0]], kStreams[stream_of[1]], kStreams[stream_of[2]]);
  write_line();
}

// Runs what ends at once, until COUNT of them lived for less than a millisecond from before they began until they were
// waited for.
static void quick_actions(int first, int count) {
  char own[8192];
  strcpy(own, program("witness"));
  char* const argv[] = {"quick", 0};
  char* const env[] = {order_text, 0};
  for (int number = first, left = count; left > 0 && number < first + 10 * count; ++number) {
    const int code = number % 256;
    snprintf(order_text, sizeof order_text, "OSPREY_ONE=%d q %d", number, code);
    const unsigned long long before = now();
    const int pid = vfork();
    if (pid == 0) {
      execve(own, argv, env);
      _exit(98);
    }
    must(waitpid(pid, 0, 0), "waitpid");
    const unsigned long long after = now();
    left -= after - before < 1000000;
    put("{\"action\":%d,\"kind\":\"quick\",\"pid\":%d,\"parent\":%d,\"before\":%llu,\"after\":%llu,\"code\":%d", number,
        pid, getpid(), before, after, code);
    write_line();
  }
}

// --- sockets

static void put_side(const char* name, const struct sockaddr_storage* address) {
  char text[INET6_ADDRSTRLEN] = "";
  int port = 0;
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in* four = (void*)address;
    inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
    port = ntohs(four->sin_port);
  } else if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6* six = (void*)address;
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
      inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, text, sizeof text);
    else
      inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    port = ntohs(six->sin6_port);
  }
  put(",\"%s\":[\"%s\",%d]", name, text, port);
}
// What happened to the socket `fd` by a call, in getsockname's and getpeername's words.
static void put_socket(const char* action, const char* call, int fd, long result,
                       const struct sockaddr_storage* asked) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  int type = 0, family = 0, protocol = 0;
  socklen_t length = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
  unsigned long long cookie = 0;
  length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  put("%s{\"action\":\"%s\",\"call\":\"%s\",\"fd\":%d,\"result\":%ld,\"type\":%d,\"family\":%d,\"protocol\":%d,"
      "\"cookie\":%llu",
      line[used - 1] == '[' ? "" : ",", action, call, fd, result, type, family, protocol, cookie);
  memset(&address, 0, sizeof address);
  if (!getsockname(fd, (void*)&address, &size)) put_side("local", &address);
  memset(&address, 0, sizeof address);
  size = sizeof address;
  if (!getpeername(fd, (void*)&address, &size))
    put_side("remote", &address);
  else if (asked)
    put_side("remote", asked);
  put("}");
}

static struct sockaddr_storage target_address;  // static: for int $0x80
static unsigned words[3];

// Makes `at` the loopback address of a family; mapped: IPv4 in IPv6. Its size.
static socklen_t loopback(struct sockaddr_storage* at, int family, int mapped, int port) {
  memset(at, 0, sizeof *at);
  if (family == AF_INET) {
    struct sockaddr_in* four = (void*)at;
    *four = (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
    return sizeof *four;
  }
  struct sockaddr_in6* six = (void*)at;
  *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, mapped ? "::ffff:127.0.0.1" : "::1", &six->sin6_addr);
  return sizeof *six;
}
static int port_of(int fd) {
  struct sockaddr_in6 address;
  socklen_t size = sizeof address;
  must(getsockname(fd, (void*)&address, &size), "getsockname");
  return ntohs(address.sin6_port);
}
static void serve_both(int fd) {
  const int no = 0;
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
}

static void tcp_action(int family, int mapped) {
  struct sockaddr_storage at;
  const int listener = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  if (family == AF_INET6) serve_both(listener);
  socklen_t size = loopback(&at, family, mapped, 0);
  must(bind(listener, (void*)&at, size), "bind");
  put_socket("bind", "bind", listener, 0, 0);
  const int port = port_of(listener);
  const int refused = one_in(6);
  if (!refused) {
    must(listen(listener, 5), "listen");
    put_socket("listen", "listen", listener, 0, 0);
  }
  const int client = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  size = loopback(&target_address, family, mapped, port);
  const int way = dice(4);
  const char* call = "connect";
  long result;
  if (way == 0) {
    words[0] = client, words[1] = (unsigned)(long)&target_address, words[2] = size;
    result = int80(102, 3, (long)words, 0);
    call = "socketcall";
  } else if (way == 1) {
    result = by_io_uring(IORING_OP_CONNECT, client, &target_address, size, 0, 0);
    call = "io_uring";
  } else if (way == 2 && !refused) {
    fcntl(client, F_SETFL, O_NONBLOCK);
    result = connect(client, (void*)&target_address, size) ? -errno : 0;
    call = "connect without waiting";
  } else {
    result = connect(client, (void*)&target_address, size) ? -errno : 0;
  }
  put_socket("connect", call, client, result, &target_address);
  if (!refused) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    const int how = dice(4);
    const int taken = how == 0   ? accept(listener, 0, 0)
                      : how == 1 ? accept(listener, (void*)&peer, &length)
                      : how == 2 ? accept4(listener, (void*)&peer, &length, SOCK_CLOEXEC)
                                 : by_io_uring(IORING_OP_ACCEPT, listener, 0, 0, 0, 0);
    must(taken, "accept");
    put_socket("accept",
               how == 0   ? "accept to nowhere"
               : how == 1 ? "accept"
               : how == 2 ? "accept4"
                          : "io_uring",
               taken, taken, 0);
    if (one_in(25)) usleep(50000);  // for who asks the kernel about it afterwards
    if (how == 3) shutdown(taken, SHUT_RDWR);
    close(taken);
  }
  close(client);
  close(listener);
}

static void udp_action(int family, int mapped) {
  struct sockaddr_storage at, to;
  const int receiver = must(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  if (family == AF_INET6) serve_both(receiver);
  must(bind(receiver, (void*)&at, loopback(&at, family, mapped, 0)), "bind");
  put_socket("bind", "bind", receiver, 0, 0);
  const int sender = must(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  const socklen_t size = loopback(&to, family, mapped, port_of(receiver));
  if (one_in(2)) {
    must(connect(sender, (void*)&to, size), "connect");
    put_socket("connect", "connect", sender, 0, &to);
    must(send(sender, "x", 1, 0), "send");
  } else {
    struct iovec piece = {"x", 1};
    struct mmsghdr message = {.msg_hdr = {.msg_name = &to, .msg_namelen = size, .msg_iov = &piece, .msg_iovlen = 1}};
    const int way = dice(3);
    for (int i = 0; i < 3; ++i)
      must(way == 0   ? sendto(sender, "x", 1, 0, (void*)&to, size)
           : way == 1 ? sendmsg(sender, &message.msg_hdr, 0)
                      : sendmmsg(sender, &message, 1, 0),
           "send");
    put_socket("send", "send", sender, 0, &to);
  }
  close(sender);
  close(receiver);
}

static void unix_action(int number) {
  static struct sockaddr_un at;
  memset(&at, 0, sizeof at);
  at.sun_family = AF_UNIX;
  char name[80];
  const int abstract = one_in(2);
  snprintf(name, sizeof name, "%s/s-%d", abstract ? "osprey" : folder, number);
  if (strlen(name) > sizeof at.sun_path - 2) fail("the folder's name is too long");
  strcpy(at.sun_path + abstract, name);
  const socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
  const int listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  char shown[sizeof name + 1];
  snprintf(shown, sizeof shown, "%s%s", abstract ? "@" : "", name);
  must(bind(listener, (void*)&at, size), "bind");
  put_socket("bind", "bind", listener, 0, 0);
  used--;
  put_text("path", shown);
  put("}");
  const int refused = one_in(4);
  if (!refused) must(listen(listener, 5), "listen");
  const int client = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const long result = connect(client, (void*)&at, size) ? -errno : 0;
  put_socket("connect", "connect", client, result, 0);
  used--;
  put_text("path", shown);
  put("}");
  if (!refused) close(must(accept(listener, 0, 0), "accept"));
  close(client);
  close(listener);
}

static void socket_action(int number) {
  put("{\"action\":%d,\"kind\":\"socket\",\"pid\":%d,\"start\":%llu,\"parent\":%d,\"before\":%llu,\"did\":[", number,
      getpid(), stat_field(0, 22), getppid(), now());
  const int shape = dice(10), families = dice(3);
  const int family = families == 0 ? AF_INET : AF_INET6, mapped = families == 2;
  if (shape < 6)
    tcp_action(family, mapped);
  else if (shape < 8)
    udp_action(family, mapped);
  else
    unix_action(number);
  put("],\"after\":%llu", now());
  write_line();
}

// --- files

static void step(const char* effect, const char* call, const char* path, const char* other) {
  put("%s{\"effect\":\"%s\",\"call\":\"%s\"", line[used - 1] == '[' ? "" : ",", effect, call);
  put_text("path", path);
  if (other) put_text("other", other);
  put("}");
}

static char file_a[4096], file_b[4096];

static int make(const char* path) {
  const int fd = must(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), "open");
  step("create", "open for writing", path, 0);
  return fd;
}

static void create_action(int at) {
  const char* const name = strrchr(file_a, '/') + 1;
  struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, .mode = 0640};
  switch (dice(9)) {
    case 0:
      close(must(syscall(SYS_open, file_a, O_WRONLY | O_CREAT | O_EXCL, 0600), "open"));
      return step("create", "open for writing", file_a, 0);
    case 1:
      close(must(syscall(SYS_creat, file_a, 0600), "creat"));
      return step("create and truncate", "creat", file_a, 0);
    case 2:
      close(must(openat(at, name, O_RDONLY | O_CREAT | O_EXCL, 0600), "openat"));
      return step("create", "openat", file_a, 0);
    case 3:
      close(must(syscall(SYS_openat2, at, name, &how, sizeof how), "openat2"));
      return step("create", "openat2 for writing", file_a, 0);
    case 4:
      must(mknod(file_a, S_IFREG | 0644, 0), "mknod");
      return step("create", "mknod", file_a, 0);
    case 5:
      must(mkfifo(file_a, 0600), "mkfifo");
      return step("create", "mknodat", file_a, 0);
    case 6:
      close(must(by_io_uring(IORING_OP_OPENAT, AT_FDCWD, file_a, 0, 0600, O_WRONLY | O_CREAT), "io_uring openat"));
      return step("create", "io_uring for writing", file_a, 0);
    case 7:
      close(must(int80(5, (long)file_a, O_WRONLY | O_CREAT | O_TRUNC, 0600), "int80 open"));
      return step("create and truncate", "int80 open", file_a, 0);
    default:
      must(symlink("somewhere \xff else", file_a), "symlink");
      return step("symlink", "symlink", file_a, 0);
  }
}

static void write_action(void) {
  struct iovec piece = {"text", 4};
  const int way = dice(10);
  const int fd = must(open(file_a, (way == 8 ? O_RDWR : O_WRONLY) | O_CREAT | O_EXCL | O_CLOEXEC, 0644), "open");
  step("create", "open for writing", file_a, 0);
  const char* call;
  switch (way) {
    case 0:
      must(write(fd, "text", 4), call = "write");
      must(write(fd, "more", 4), call);
      break;
    case 1:
      must(pwrite(fd, "text", 4, 10), call = "pwrite64");
      break;
    case 2:
      must(writev(fd, &piece, 1), call = "writev");
      break;
    case 3:
      must(pwritev2(fd, &piece, 1, 0, 0), call = "pwritev2");
      break;
    case 4: {
      const int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
      must(sendfile(fd, from, 0, 100), call = "sendfile");
      close(from);
      break;
    }
    case 5: {
      char own[8192];
      snprintf(own, sizeof own, "%s/witness", folder);
      const int from = open(own, O_RDONLY | O_CLOEXEC);
      must(copy_file_range(from, 0, fd, 0, 100, 0), call = "copy_file_range");
      close(from);
      break;
    }
    case 6:
      must(by_io_uring(IORING_OP_WRITE, fd, "text", 0, 4, 0), call = "io_uring");
      break;
    case 7:
      must(int80(4, fd, (long)file_b, 4), call = "int80 write");
      break;
    case 8: {
      must(ftruncate(fd, 4096), call = "mmap");
      char* const memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      memory[0] = 'x';
      munmap(memory, 4096);
      break;
    }
    default:
      must(fallocate(fd, 0, 0, 4096), call = "fallocate");
  }
  step("write", call, file_a, 0);
  close(fd);
}

static void truncate_action(int at) {
  close(make(file_a));
  const char* const name = strrchr(file_a, '/') + 1;
  struct open_how how = {.flags = O_WRONLY | O_TRUNC | O_CLOEXEC};
  switch (dice(5)) {
    case 0:
      must(truncate(file_a, 100), "truncate");
      return step("write", "truncate", file_a, 0);
    case 1: {
      const int fd = must(open(file_a, O_RDWR | O_CLOEXEC), "open");
      must(ftruncate(fd, 100), "ftruncate");
      close(fd);
      return step("write", "ftruncate", file_a, 0);
    }
    case 2:
      close(must(open(file_a, O_WRONLY | O_TRUNC | O_CLOEXEC), "open"));
      return step("truncate", "openat", file_a, 0);
    case 3:
      close(must(syscall(SYS_openat2, at, name, &how, sizeof how), "openat2"));
      return step("truncate", "openat2", file_a, 0);
    default:
      must(int80(92, (long)file_a, 7, 0), "int80 truncate");
      return step("write", "int80 truncate", file_a, 0);
  }
}

static void rename_action(int at) {
  close(make(file_a));
  const char *const from = strrchr(file_a, '/') + 1, *const to = strrchr(file_b, '/') + 1;
  switch (dice(6)) {
    case 0:
      must(syscall(SYS_rename, file_a, file_b), "rename");
      return step("rename", "rename", file_a, file_b);
    case 1:
      must(renameat(at, from, at, to), "renameat");
      return step("rename", "renameat", file_a, file_b);
    case 2:
      must(renameat2(at, from, at, to, RENAME_NOREPLACE), "renameat2");
      return step("rename", "renameat2", file_a, file_b);
    case 3:
      must(by_io_uring(IORING_OP_RENAMEAT, AT_FDCWD, file_a, (unsigned long)file_b, AT_FDCWD, 0), "io_uring rename");
      return step("rename", "io_uring", file_a, file_b);
    case 4:
      must(int80(38, (long)file_a, (long)file_b, 0), "int80 rename");
      return step("rename", "int80 rename", file_a, file_b);
    default:
      close(make(file_b));
      must(rename(file_a, file_b), "rename");
      return step("replace", "rename", file_a, file_b);
  }
}

static void link_action(int at) {
  close(make(file_a));
  const char *const from = strrchr(file_a, '/') + 1, *const to = strrchr(file_b, '/') + 1;
  switch (dice(4)) {
    case 0:
      must(syscall(SYS_link, file_a, file_b), "link");
      return step("link", "link", file_a, file_b);
    case 1:
      must(linkat(at, from, at, to, 0), "linkat");
      return step("link", "linkat", file_a, file_b);
    case 2:
      must(by_io_uring(IORING_OP_LINKAT, AT_FDCWD, file_a, (unsigned long)file_b, AT_FDCWD, 0), "io_uring link");
      return step("link", "io_uring", file_a, file_b);
    default:
      must(int80(9, (long)file_a, (long)file_b, 0), "int80 link");
      return step("link", "int80 link", file_a, file_b);
  }
}

static void unlink_action(int at) {
  close(make(file_a));
  const char* const name = strrchr(file_a, '/') + 1;
  switch (dice(4)) {
    case 0:
      must(syscall(SYS_unlink, file_a), "unlink");
      return step("unlink", "unlink", file_a, 0);
    case 1:
      must(unlinkat(at, name, 0), "unlinkat");
      return step("unlink", "unlinkat", file_a, 0);
    case 2:
      must(by_io_uring(IORING_OP_UNLINKAT, AT_FDCWD, file_a, 0, 0, 0), "io_uring unlink");
      return step("unlink", "io_uring", file_a, 0);
    default:
      must(int80(10, (long)file_a, 0, 0), "int80 unlink");
      return step("unlink", "int80 unlink", file_a, 0);
  }
}

static void attribute_action(int at) {
  const int fd = make(file_a);
  const char* const name = strrchr(file_a, '/') + 1;
  const char* call;
  switch (dice(9)) {
    case 0:
      must(syscall(SYS_chmod, file_a, 0600), call = "chmod");
      break;
    case 1:
      must(fchmod(fd, 0711), call = "fchmod");
      break;
    case 2:
      must(syscall(SYS_fchmodat, at, name, 0755), call = "fchmodat");
      break;
    case 3:
      must(chown(file_a, 1234, 5678), call = "chown");
      break;
    case 4:
      must(fchownat(at, name, 1, 2, AT_SYMLINK_NOFOLLOW), call = "fchownat");
      break;
    case 5:
      must(setxattr(file_a, "user.osprey", "x", 1, 0), call = "setxattr");
      break;
    case 6:
      must(utimensat(at, name, 0, 0), call = "utimensat");
      break;
    case 7:
      must(int80(15, (long)file_a, 0640, 0), call = "int80 chmod");
      break;
    default:
      must(fremovexattr(fd, "user.none") < 0 && errno == ENODATA ? 0 : -1, call = "fremovexattr");
      must(fsetxattr(fd, "user.osprey", "y", 1, 0), call = "fsetxattr");
  }
  step("attributes", call, file_a, 0);
  close(fd);
}

static void folder_action(void) {
  must(mkdir(file_a, 0750), "mkdir");
  step("create", "mkdir", file_a, 0);
  if (one_in(2)) {
    must(rmdir(file_a), "rmdir");
    step("unlink", "rmdir", file_a, 0);
  }
}

static void file_action(int number) {
  texts_used = 0;
  for (int i = 0; i < 2; ++i)
    snprintf(i ? file_b : file_a, sizeof file_a, "%s/watched/%d%c%s", folder, number, "ab"[i],
             random_text(dice(60), '/'));
  char where[4096];
  snprintf(where, sizeof where, "%s/watched", folder);
  const int at = must(open(where, O_PATH | O_DIRECTORY | O_CLOEXEC), "open");
  put("{\"action\":%d,\"kind\":\"file\",\"pid\":%d,\"start\":%llu,\"parent\":%d,\"before\":%llu,\"did\":[", number,
      getpid(), stat_field(0, 22), getppid(), now());
  switch (dice(8)) {
    case 0:
      create_action(at);
      break;
    case 1:
    case 2:
      write_action();
      break;
    case 3:
      truncate_action(at);
      break;
    case 4:
      rename_action(at);
      break;
    case 5:
      link_action(at);
      break;
    case 6:
      unlink_action(at);
      break;
    default:
      if (one_in(3))
        folder_action();
      else
        attribute_action(at);
  }
  close(at);
  put("],\"after\":%llu", now());
  struct stat about;
  for (int i = 0; i < 2; ++i)
    if (!lstat(i ? file_b : file_a, &about)) {
      put(",\"%s\":{\"x\":0", i ? "b" : "a");
      put_file(&about);
      put("}");
    }
  write_line();
}

int main(int argc, char** argv, char** env) {
  for (char** one = env; *one; ++one)
    if (!strncmp(*one, "OSPREY_ONE=", 11)) return witness(argv, env, *one + 11);
  if (argc != 7) return 95;
  const uint64_t seed = strtoull(argv[1], 0, 10);
  const int first = atoi(argv[2]), count = atoi(argv[3]);
  strncpy(folder, argv[5], sizeof folder - 1);
  must(dup2(open("/proc", O_RDONLY | O_DIRECTORY), PROC), "/proc");
  must(dup2(open(argv[6], O_WRONLY | O_CREAT | O_APPEND, 0644), RECORD), argv[6]);
  signal(SIGPIPE, SIG_IGN);
  if (argv[4][0] == 'q') {
    quick_actions(first, count);
    return 0;
  }
  for (int number = first; number < first + count; ++number) {
    state = seed * 1000003 + number;
    switch (argv[4][0]) {
      case 'e':
        exec_action(number);
        break;
      case 's':
        socket_action(number);
        break;
      default:
        file_action(number);
    }
  }
  // Of who is gone before it was looked at fanotify does not know the start.
  if (argv[4][0] == 'f') {
    char nothing;
    must(write(1, "\n", 1), "done");
    while (read(0, &nothing, 1) > 0) continue;
  }
  return 0;
}
#endif
