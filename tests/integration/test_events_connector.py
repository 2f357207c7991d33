"""The connector source against what was done; test_random_actions.py has what it tells of each way to exec."""

import os
import subprocess

from event_source import EventDriver, stopped

FORKS = r"""
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char** argv) {
  for (int i = atoi(argv[1]); i > 0; --i) {
    pid_t child = vfork();
    if (child == 0) _exit(7);
    if (child < 0 || waitpid(child, 0, 0) != child) return 1;
  }
}
"""


# EVT-15
def test_what_the_socket_has_no_room_for_is_counted_exactly(tmp_path):
    (tmp_path / "forks.c").write_text(FORKS)
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "forks", tmp_path / "forks.c"], check=True)
    with EventDriver("connector", "--kinds=process,process_exit", "--execs") as driver:
        with stopped(driver):
            subprocess.run([tmp_path / "forks", "60000"], check=True)
        driver.counts()
        # What a processor tells next says how much went before.
        for processor in os.sched_getaffinity(0):
            subprocess.run(["taskset", "-c", str(processor), tmp_path / "forks", "10"], check=True)
        counts = driver.counts()
        lost = {(drop[0], drop[1]): drop[2] for drop in counts["dropped"]}
        assert lost["socket", "ENOBUFS"] > 0
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(lost.values())
        # A fork and an end each; others on this machine do some too.
        assert counts["seen"] >= 2 * 60_000
