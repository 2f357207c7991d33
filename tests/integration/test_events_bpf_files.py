"""What the bpf source tells of files that are opened for writing, which fanotify does not tell apart."""

import ctypes
import os

import pytest

from event_source import EventDriver, types_of

LIBC = ctypes.CDLL(None, use_errno=True)
OPENED_FOR_WRITING = 9
OPENAT2, OPEN, CREAT = 437, 2, 85


@pytest.fixture
def watched(tmp_path):
    folder = tmp_path / "watched"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "left").mkdir()
    for name in ("file", "deep/er/file", "left/file"):
        (folder / name).write_text("here")
    (tmp_path / "watched-not").write_text("")
    return folder


def told(driver):
    return [event["path"] for event in driver.of(os.getpid(), "file")]


@pytest.mark.parametrize("version", [None, "5.14"], ids=["", "as before 5.15"])
def test_files_opened_for_writing(watched, version):
    """EVT-47."""
    with EventDriver("bpf", "--kinds=file", f"--watch={watched}/%%", "--accesses", *types_of(version, watched.parent)) as driver:
        assert driver.counts()["missing"] == []
        before = driver.counts()
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND, os.O_PATH):
            os.close(os.open(watched / "file", flags))
        os.close(os.open(watched / "new", os.O_CREAT | os.O_WRONLY, 0o640))
        os.close(os.open(watched.parent / "watched-not", os.O_WRONLY))
        os.close(os.open(watched / "deep/../deep/./er/file", os.O_WRONLY))
        os.close(LIBC.syscall(OPEN, os.fsencode(watched / "left/file"), os.O_RDWR, 0))
        os.close(LIBC.syscall(CREAT, os.fsencode(watched / "created"), 0o600))
        how = (ctypes.c_uint64 * 3)(os.O_WRONLY, 0, 0)
        os.close(LIBC.syscall(OPENAT2, -100, os.fsencode(watched / "file"), how, 24))
        folder = os.open(watched, os.O_RDONLY)
        os.close(os.open("left/file", os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        names = ["file", "file", "new", "deep/er/file", "left/file", "created", "file", "left/file"]
        assert told(driver) == [str(watched / name) for name in names]
        counts = driver.counts()
        assert counts["dropped"] == [] and counts["seen"] == counts["kept"] + counts["filtered"]
        # What merely begins alike has been weighed, not told.
        assert counts["filtered"] > before["filtered"]
        event = driver.of(os.getpid(), "file")[2]
    about = os.stat(watched / "new")
    assert (event["action"], event["category"]) == (OPENED_FOR_WRITING, "files")
    assert (event["file"]["inode"], event["file"]["mode"], event["file"]["device"]) == (about.st_ino, about.st_mode, about.st_dev)
    assert event["actor"]["process"]["start"] > 0


def test_only_what_is_watched_and_while_it_is(watched):
    with EventDriver("bpf", "--kinds=file", f"--watch={watched}/left/%", "--accesses") as driver:
        for name in ("file", "left/file"):
            os.close(os.open(watched / name, os.O_WRONLY))
        assert told(driver) == [str(watched / "left/file")]
        driver.demand("--kinds=file", f"--watch={watched}/file", "--accesses")
        for name in ("left/file", "file"):
            os.close(os.open(watched / name, os.O_WRONLY))
        assert told(driver) == [str(watched / "left/file"), str(watched / "file")]
        driver.demand("--kinds=file")
        os.close(os.open(watched / "file", os.O_WRONLY))
        assert len(told(driver)) == 2


def test_the_path_is_the_hosts(watched):
    """A changed root changes nothing; another mount namespace's own files are no files of ours."""
    with EventDriver("bpf", "--kinds=file", f"--watch={watched}/%%", "--accesses") as driver:
        pid = os.fork()
        if pid == 0:
            try:
                os.chroot(watched)
                os.close(os.open("/file", os.O_WRONLY))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert [event["path"] for event in driver.of(pid, "file")] == [str(watched / "file")]
