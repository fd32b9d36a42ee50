"""Single packets that are out of order are left out or moved; the others are not changed."""

import av
import pytest

from tests.media import make_clip
from vfi_cli.video.timestamps.packet_order import InOrder

AUDIO = 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mkv", 10, audio="ac3", options={"bf": "0"})


def packets_of(clip, index):
    with av.open(str(clip)) as container:
        return [packet for packet in container.demux(container.streams[index]) if packet.size]


def shift(packet, ticks):
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks


def test_packets_in_order_are_not_changed(clip):
    order = InOrder({AUDIO})
    for index in (0, AUDIO):
        expected = [(packet.dts, bytes(packet)) for packet in packets_of(clip, index)]
        assert [(packet.dts, bytes(packet)) for packet in order.packets(packets_of(clip, index))] == expected
    assert order.left_out == 0


@pytest.mark.parametrize("ticks", [900_000, 200, -200, -900_000])
def test_only_the_audio_packet_with_a_wrong_time_is_left_out(clip, ticks):
    packets, order = packets_of(clip, AUDIO), InOrder({AUDIO})
    rest = [(packet.dts, bytes(packet)) for number, packet in enumerate(packets) if number != 9]
    shift(packets[9], ticks)
    assert [(packet.dts, bytes(packet)) for packet in order.packets(packets)] == rest
    assert order.left_out == 1


def test_an_audio_packet_at_the_time_of_another_is_left_out_only_if_it_repeats_it(clip):
    packets, order = packets_of(clip, AUDIO), InOrder({AUDIO})
    shift(packets[9], packets[8].dts - packets[9].dts)
    assert len(list(order.packets(packets))) == len(packets)
    again = packets_of(clip, AUDIO)
    doubled = [*again[:9], packets_of(clip, AUDIO)[8], *again[9:]]
    assert len(list(InOrder({AUDIO}).packets(doubled))) == len(again)


def test_a_video_packet_that_runs_back_gets_the_time_of_the_packet_before(clip):
    packets = packets_of(clip, 0)
    ahead, before = packets[5].pts - packets[5].dts, packets[4].dts
    shift(packets[5], -1000)
    moved = list(InOrder({AUDIO}).packets(packets))
    assert len(moved) == len(packets)
    assert (moved[5].dts, moved[5].pts) == (before, before + ahead)
