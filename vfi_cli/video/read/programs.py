"""The programmes of an MPEG transport stream: several channels in one file, each with its own picture and sound."""

from __future__ import annotations

from pathlib import Path

_SYNC, _SIZES = 0x47, (188, 192, 204)
_HEAD = 4 * 2**20  # bytes to look through; tables come several times a second


def read_programmes(path: Path) -> dict[int, frozenset[int]]:
    """Number of the programme -> identifiers (PIDs) of its streams, from the tables at the beginning of the file.

    Empty if no table is found. See ISO/IEC 13818-1, 2.4.4.
    """
    with path.open("rb") as file:
        data = file.read(_HEAD)
    tables: dict[int, int] = {}  # PID of the map of a programme -> its number
    programmes: dict[int, frozenset[int]] = {}
    sections: dict[int, bytes] = {}
    for pid, begins, payload in _packets(data):
        if pid != 0 and pid not in tables:
            continue
        if begins:
            sections[pid] = payload[1 + payload[0] :] if payload else b""
        elif pid in sections:
            sections[pid] += payload
        section = sections.get(pid, b"")
        length = 3 + (int.from_bytes(section[1:3]) & 0xFFF) if len(section) >= 3 else 3
        if len(section) < max(length, 12):
            continue
        section = sections.pop(pid)[: length - 4]
        if pid == 0 and section[0] == 0:
            for at in range(8, len(section) - 3, 4):
                if number := int.from_bytes(section[at : at + 2]):
                    tables[int.from_bytes(section[at + 2 : at + 4]) & 0x1FFF] = number
        elif pid in tables and section[0] == 2:
            programmes[tables[pid]] = frozenset(_streams(section))
            if len(programmes) == len(set(tables.values())):
                break
    return programmes


def strangers(path: Path, streams: dict[int, int], film: int) -> frozenset[int]:
    """Indexes of the streams that share no programme with stream `film`; `streams`: index -> PID."""
    programmes = read_programmes(path).values()
    own = [pids for pids in programmes if streams[film] in pids]
    if not own:
        return frozenset()
    others = frozenset().union(*programmes) - frozenset().union(*own)
    return frozenset(index for index, pid in streams.items() if pid in others)


def _packets(data: bytes) -> list[tuple[int, bool, bytes]]:
    """(PID, whether a section begins, payload) of each packet."""
    found = []
    for size in _SIZES:
        starts = (at for at in range(size) if data[at : at + 3 * size + 1 : size] == bytes([_SYNC] * 4))
        first = next(starts, None)
        if first is None:
            continue
        for at in range(first, len(data) - 187, size):
            head = data[at : at + 188]
            if head[0] != _SYNC or not head[3] & 0x10:
                continue
            begin = 5 + head[4] if head[3] & 0x20 else 4
            found.append((int.from_bytes(head[1:3]) & 0x1FFF, bool(head[1] & 0x40), head[begin:]))
        break
    return found


def _streams(section: bytes) -> list[int]:
    """The PIDs in the map of a programme."""
    pids, at = [], 12 + (int.from_bytes(section[10:12]) & 0xFFF)
    while at + 5 <= len(section):
        pids.append(int.from_bytes(section[at + 1 : at + 3]) & 0x1FFF)
        at += 5 + (int.from_bytes(section[at + 3 : at + 5]) & 0xFFF)
    return pids
