"""Single packets that are not in order are left out or moved; the rest stays as it is."""

import av
import pytest

from tests.media import make_clip
from vfi_cli.video.timestamps.packet_order import InOrder

SOUND = 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mkv", 10, audio="ac3", options={"bf": "0"})


def packets_of(clip, index):
    with av.open(str(clip)) as container:
        return [packet for packet in container.demux(container.streams[index]) if packet.size]


def shift(packet, ticks):
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks


def test_packets_in_order_all_come_unchanged(clip):
    order = InOrder({SOUND})
    for index in (0, SOUND):
        given = [(packet.dts, bytes(packet)) for packet in packets_of(clip, index)]
        assert [(packet.dts, bytes(packet)) for packet in order.packets(packets_of(clip, index))] == given
    assert order.left_out == 0


@pytest.mark.parametrize("ticks", [900_000, 200, -200, -900_000])
def test_one_packet_of_sound_with_a_wrong_time_costs_no_other(clip, ticks):
    packets, order = packets_of(clip, SOUND), InOrder({SOUND})
    rest = [(packet.dts, bytes(packet)) for number, packet in enumerate(packets) if number != 9]
    shift(packets[9], ticks)
    assert [(packet.dts, bytes(packet)) for packet in order.packets(packets)] == rest
    assert order.left_out == 1


def test_sound_of_the_same_time_stays_if_it_is_other_sound(clip):
    packets, order = packets_of(clip, SOUND), InOrder({SOUND})
    shift(packets[9], packets[8].dts - packets[9].dts)
    assert len(list(order.packets(packets))) == len(packets)
    again = packets_of(clip, SOUND)
    doubled = [*again[:9], packets_of(clip, SOUND)[8], *again[9:]]
    assert len(list(InOrder({SOUND}).packets(doubled))) == len(again)


def test_other_packets_that_run_back_move_to_the_time_before(clip):
    packets = packets_of(clip, 0)
    ahead, before = packets[5].pts - packets[5].dts, packets[4].dts
    shift(packets[5], -1000)
    moved = list(InOrder({SOUND}).packets(packets))
    assert len(moved) == len(packets)
    assert (moved[5].dts, moved[5].pts) == (before, before + ahead)
