"""Routed synthesis as the paper describes it: one patch after the other runs the refine blocks of its route."""

from __future__ import annotations

import torch
from torch import Tensor

from vfi_cli.model.refine import SynthesisNet


def summed_features(net: SynthesisNet, contexts: list[tuple[Tensor, Tensor]], route: Tensor) -> Tensor:
    """The sum of the features of all blocks (1, feature, h, w).

    contexts: of one pair, (1, c, h, w) twice per block. route: (P, d) of 0 and 1.
    """
    feature = net.static(torch.cat(contexts[0], 1))
    total = feature.clone()
    columns = feature.shape[3] // net.patch
    for k in range(len(route)):
        top, left = k // columns * net.patch, k % columns * net.patch
        place = (..., slice(top, top + net.patch), slice(left, left + net.patch))
        carried = feature[place]
        for block, passes, (context_0, context_1) in zip(net.dynamic, route[k], contexts[1:], strict=True):
            if passes:
                bounded = carried / (carried.square().mean(1, keepdim=True) + 1).sqrt()
                carried = carried + block(torch.cat((context_0[place], context_1[place], bounded), 1))
            total[place] += carried
    return total
