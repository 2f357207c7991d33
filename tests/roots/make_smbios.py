#!/usr/bin/env python3
"""Writes server/sys/firmware/dmi/tables/DMI: SMBIOS structures by hand, as DMTF DSP0134 3.6 lays them out."""

import pathlib
import struct

OUT = pathlib.Path(__file__).parent / "server/sys/firmware/dmi/tables/DMI"


def structure(type_, handle, fixed, *strings):
    texts = b"".join(s.encode() + b"\0" for s in strings) or b"\0"
    return struct.pack("<BBH", type_, 4 + len(fixed), handle) + fixed + texts + b"\0"


def processor(handle, *strings, kind=3, status=0x41, cores=0, threads=0, cores2=None, wide=True, length=0x30):
    """Type 4. Strings: socket, manufacturer, version."""
    fixed = struct.pack("<BBBBQBBHHHBB", 1, kind, 0xB3, 2, 0x000306F2, 3, 0x8A, 100, 4000, 2400, status, 0x2B)
    fixed += struct.pack("<HHHBBB", 0x0700, 0x0701, 0x0702, 0, 0, 0)  # caches; serial, asset, part
    fixed += struct.pack("<BBBHH", cores, cores, threads, 0x00FC if wide else 0x0008, 0xB3)
    fixed += struct.pack("<HHH", cores2 or cores, cores2 or cores, (cores2 or threads) * (2 if cores2 else 1))
    return structure(4, handle, fixed[: length - 4], *strings)


TABLE = (
    structure(0, 0x0000, struct.pack("<BBHBB", 1, 2, 0xF000, 3, 0x0F), "Example Firmware Inc.", "2.14.1", "03/15/2024")
    + structure(1, 0x0100, struct.pack("<BBBB16sB", 1, 2, 3, 4, bytes(range(16)), 6), "Example Computers", "Rack 2000",
                "A00", "SERIAL0001")
    + processor(0x0400, "CPU1", "Intel(R) Corporation", "Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz  ", cores=12, threads=24)
    + processor(0x0401, "CPU2", "Example", "Many cores", cores=0xFF, threads=0xFF, cores2=300)
    + processor(0x0402, "CPU3", "Not Specified", "Not Specified", status=0x00)
    + processor(0x0403, "CPU4", "Example", "An old table", length=0x20)  # SMBIOS 2.4: without counts
    + processor(0x0404, "FPU1", "Example", "Coprocessor", kind=4, cores=1, threads=1, wide=False)
    + structure(127, 0xFEFF, b"")
    + structure(4, 0x0405, b"\1\3", "after the end")
)

OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_bytes(TABLE)
