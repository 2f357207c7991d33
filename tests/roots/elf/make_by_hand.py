"""Writes the ELF files beside this script that no compiler here makes: big-endian ones, extended numbering, lies."""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "elf"


class Writer:
    """ELF in either class and byte order, after the tables of elf(5)."""

    def __init__(self, bits, order, machine, kind):
        self.bits, self.order, self.machine, self.kind = bits, order, machine, kind
        self.native = "Q" if bits == 64 else "I"
        self.segments, self.sections = [], [dict(name="", type=0)]

    def pack(self, letters, *values):
        return struct.pack(self.order + letters.replace("N", self.native), *values)

    def symbol(self, name, value, size, info, section):
        if self.bits == 64:
            return self.pack("IBBHQQ", name, info, 0, section, value, size)
        return self.pack("IIIBBH", name, value, size, info, 0, section)

    def bytes(self, flags=0, extended=False):
        header_size, segment_size, section_size = (64, 56, 64) if self.bits == 64 else (52, 32, 40)
        names, body = b"\0", b""
        start = header_size + segment_size * len(self.segments)
        for section in self.sections[1:] + [dict(name=".shstrtab", type=3)]:
            if section not in self.sections:
                self.sections.append(section)
            section["name_at"] = len(names)
            names += section["name"].encode() + b"\0"
        self.sections[-1]["data"] = names
        for section in self.sections:
            data = section.get("data", b"")
            section["offset"] = start + len(body) if data else 0
            body += data + bytes(-len(data) % 8)
        table = b""
        count = len(self.sections)
        for index, section in enumerate(self.sections):
            first = extended and index == 0
            table += self.pack("IINNNNIINN", section.get("name_at", 0), section["type"], section.get("flags", 0),
                               section.get("address", 0), section["offset"],
                               count if first else len(section.get("data", b"")),
                               count - 1 if first else section.get("link", 0),
                               len(self.segments) if first else section.get("info", 0), section.get("align", 0),
                               section.get("entry", 0))
        segments = b""
        for kind, rights, section, address in self.segments:
            place = self.sections[section]
            size = len(place["data"])
            if self.bits == 64:
                segments += self.pack("IIQQQQQQ", kind, rights, place["offset"], address, address, size, size, 8)
            else:
                segments += self.pack("IIIIIIII", kind, place["offset"], address, address, size, size, rights, 8)
        ident = b"\x7fELF" + bytes([2 if self.bits == 64 else 1, 1 if self.order == "<" else 2, 1, 3, 1]) + bytes(7)
        header = ident + self.pack("HHINNNIHHHHHH", self.kind, self.machine, 1, 0x10000100, header_size,
                                   start + len(body), flags, header_size, segment_size,
                                   0xFFFF if extended else len(self.segments), section_size, 0 if extended else count,
                                   0xFFFF if extended else count - 1)
        return header + segments + body + table


def sample(bits, order, machine):
    """An executable with a note, symbols and a dynamic section."""
    elf = Writer(bits, order, machine, 2)
    strings = b"\0start\0libneeded.so.7\0/opt/lib\0"
    note = elf.pack("III", 4, 8, 3) + b"GNU\0" + bytes(range(0xA0, 0xA8))
    entry = "QQ" if bits == 64 else "II"
    dynamic = b"".join(elf.pack(entry, tag, value) for tag, value in
                       [(1, 7), (29, 22), (5, 0x10000000), (10, len(strings)), (0x6FFFFFFB, 1), (0, 0), (1, 99)])
    symbols = elf.symbol(0, 0, 0, 0, 0) + elf.symbol(1, 0x10000100, 16, 0x12, 1)
    elf.sections += [
        dict(name=".dynstr", type=3, flags=2, address=0x10000000, data=strings, align=1),
        dict(name=".note.gnu.build-id", type=7, flags=2, data=note, align=4),
        dict(name=".dynamic", type=6, flags=3, data=dynamic, link=1, entry=elf.bits // 4, align=8),
        dict(name=".symtab", type=2, data=symbols, link=1, info=1, entry=24 if bits == 64 else 16, align=8),
        dict(name=".high", type=1, flags=0x80000000 | 0x40, data=b"\xff" * 32, address=2 ** bits - 64),
    ]
    elf.segments += [(1, 5, 1, 0x10000000), (4, 4, 2, 0), (2, 6, 3, 0), (0x6474E551, 7, 1, 0), (0x70000001, 4, 1, 0)]
    return elf


def main():
    (HERE / "big-endian-64").write_bytes(sample(64, ">", 22).bytes(flags=0x80000000))
    (HERE / "big-endian-32").write_bytes(sample(32, ">", 20).bytes())
    (HERE / "extended-numbering").write_bytes(sample(64, "<", 243).bytes(extended=True))
    whole = sample(64, "<", 62).bytes()
    (HERE / "cut-in-header").write_bytes(whole[:40])
    (HERE / "cut-in-sections").write_bytes(whole[:-100])
    lies = bytearray(whole)
    lies[0x28:0x30] = struct.pack("<Q", 2 ** 64 - 32)  # the section table near the end of all addresses
    lies[0x20:0x28] = struct.pack("<Q", 2 ** 63)
    (HERE / "lies").write_bytes(lies)
    (HERE / "no-elf").write_bytes(b"#!/bin/sh\necho no\n")
    (HERE / "empty").write_bytes(b"")


main()
