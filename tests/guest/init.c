/* PID 1 of the guest: loads the modules of /modules.txt in order, runs the queries of /queries.txt and switches off.
 * What each query prints stands between lines of "@@ query" and "@@ end" on the console. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void load(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0) perror(path);
  close(file);
}

static void ask(const char *query) {
  printf("@@ %s\n", query);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execl("/osprey", "osprey", "--json", query, (char *)NULL);
    perror("/osprey");
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  printf("\n@@ end %d\n", status);
}

static void each_line(const char *path, void (*work)(const char *)) {
  char line[4096];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    work(line);
  }
  if (file) fclose(file);
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  each_line("/modules.txt", load);
  sleep(5); /* devices are found in the background */
  each_line("/queries.txt", ask);
  reboot(RB_POWER_OFF);
  return 0;
}
