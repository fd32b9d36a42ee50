"""Reads the programmes of an MPEG transport stream: several channels in one file, each with its own video and audio."""

from __future__ import annotations

from pathlib import Path

_SYNC, _PACKET_SIZES = 0x47, (188, 192, 204)
_SEARCH_BYTES = 4 * 2**20  # bytes from the start of the file; tables are repeated several times a second


def read_programs(path: Path) -> dict[int, frozenset[int]]:
    """A map from the number of each programme to the packet identifiers (PIDs) of its streams.

    The map comes from the tables at the start of the file; it is empty if there are none. See ISO/IEC 13818-1, 2.4.4.
    """
    with path.open("rb") as file:
        data = file.read(_SEARCH_BYTES)
    map_pids: dict[int, int] = {}  # PID of a programme map table -> number of the programme
    programmes: dict[int, frozenset[int]] = {}
    partial_sections: dict[int, bytes] = {}
    for pid, starts_section, payload in _packets(data):
        if pid != 0 and pid not in map_pids:
            continue
        if starts_section:
            partial_sections[pid] = payload[1 + payload[0] :] if payload else b""
        elif pid in partial_sections:
            partial_sections[pid] += payload
        section = partial_sections.get(pid, b"")
        length = 3 + (int.from_bytes(section[1:3]) & 0xFFF) if len(section) >= 3 else 3
        if len(section) < max(length, 12):
            continue
        section = partial_sections.pop(pid)[: length - 4]
        if pid == 0 and section[0] == 0:
            for position in range(8, len(section) - 3, 4):
                if number := int.from_bytes(section[position : position + 2]):
                    map_pids[int.from_bytes(section[position + 2 : position + 4]) & 0x1FFF] = number
        elif pid in map_pids and section[0] == 2:
            programmes[map_pids[pid]] = frozenset(_stream_pids(section))
            if len(programmes) == len(set(map_pids.values())):
                break
    return programmes


def streams_of_other_programs(path: Path, streams: dict[int, int], video: int) -> frozenset[int]:
    """Indexes of the streams that share no programme with the stream number `video`.

    Args:
        streams: a map from the index of each stream to its PID.
        video: index of the video stream that is read.
    """
    programmes = read_programs(path).values()
    own_programmes = [pids for pids in programmes if streams[video] in pids]
    if not own_programmes:
        return frozenset()
    others = frozenset().union(*programmes) - frozenset().union(*own_programmes)
    return frozenset(index for index, pid in streams.items() if pid in others)


def _packets(data: bytes) -> list[tuple[int, bool, bytes]]:
    """The PID of each packet, whether a section begins in it, and its payload."""
    found = []
    for size in _PACKET_SIZES:
        starts = (offset for offset in range(size) if data[offset : offset + 3 * size + 1 : size] == bytes([_SYNC] * 4))
        first = next(starts, None)
        if first is None:
            continue
        for position in range(first, len(data) - 187, size):
            head = data[position : position + 188]
            if head[0] != _SYNC or not head[3] & 0x10:
                continue
            begin = 5 + head[4] if head[3] & 0x20 else 4
            found.append((int.from_bytes(head[1:3]) & 0x1FFF, bool(head[1] & 0x40), head[begin:]))
        break
    return found


def _stream_pids(section: bytes) -> list[int]:
    """The PIDs of the streams in a section of a programme map table."""
    pids, position = [], 12 + (int.from_bytes(section[10:12]) & 0xFFF)
    while position + 5 <= len(section):
        pids.append(int.from_bytes(section[position + 1 : position + 3]) & 0x1FFF)
        position += 5 + (int.from_bytes(section[position + 3 : position + 5]) & 0xFFF)
    return pids
