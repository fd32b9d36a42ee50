"""Routed execution: gather the patches of a refine block, refine them, scatter them back.

The result equals that of `SynthesisNet.forward` for the same route. Skipped patches cost no convolution.

        context 0, context 1   (image layout)
                 | gather the patches of index (K,)
    feature -----+--> block (K patches) --+--> feature --> total
      (P + 1 patches; the last one takes the writes of the padded index entries)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vfi_cli.model.apr import Contexts
from vfi_cli.model.refine import SynthesisNet, bounded
from vfi_cli.model.router import keep_counts
from vfi_cli.ops.patches import from_patches, gather_patches, to_patches

BUCKETS = 8
"""Number of batch sizes that patch counts are rounded up to, so that compiled blocks see few shapes."""

Route = Sequence[Tensor | None]
"""Per dynamic block, the index (K,) of the patches that run it, 0 to P - 1, padded with P. None runs all patches."""


def route_from_ratios(scores: Tensor, ratios: tuple[float, ...]) -> list[Tensor | None]:
    """Route from scores (1, P, d): the best `ratios[k]` share of the patches runs block k.

    The CPU knows the counts, so nothing is read back from the device.
    """
    P = scores.shape[1]
    return [
        None if count == P else scores[0, :, k].topk(count).indices.sort().values
        for k, count in enumerate(keep_counts(ratios, P))
    ]


def route_from_scores(scores: Tensor) -> list[Tensor | None]:
    """Route from scores (1, P, d): a patch runs the blocks for which its score is positive (argmax).

    The counts of all blocks are read from the device at once. Each index is padded to its bucket.
    """
    P = scores.shape[1]
    order = scores[0].argsort(0, descending=True)
    counts: list[int] = (scores[0] > 0).sum(0).tolist()
    step = -(-P // BUCKETS)
    route: list[Tensor | None] = []
    for k, count in enumerate(counts):
        bucket = min(-(-count // step) * step, P)
        index = order[:bucket, k].clone()
        index[count:] = P
        route.append(None if count == P else index)
    return route


def share(route: Route, patches: int) -> tuple[float, ...]:
    """Share of the patches that ran each dynamic block, including padding: the share of the cost."""
    return tuple(1.0 if index is None else len(index) / patches for index in route)


def as_map(route: Route, patches: int, device: torch.device) -> Tensor:
    """The route as a bool map (1, P, d), true where a patch runs a block. Padding is left out."""
    passed = torch.ones(patches + 1, len(route), dtype=torch.bool, device=device)
    for k, index in enumerate(route):
        if index is not None:
            passed[:, k] = False
            passed[index, k] = True
    return passed[None, :patches]


def synthesize(net: SynthesisNet, contexts: Contexts, route: Route) -> Tensor:
    """The sum of the block features (1, feature, h, w), ready for `SynthesisNet.predict`.

    contexts: per block, the context of both frames (1, context, h, w); h and w are H / stride and W / stride.
    """
    first = net.static(torch.cat(contexts[0], 1))
    height, width = first.shape[-2:]
    P = (height // net.patch) * (width // net.patch)
    feature = first.new_zeros(P + 1, net.patch, net.patch, first.shape[1]).permute(0, 3, 1, 2)
    feature[:P] = to_patches(first, net.patch)
    total = feature[:P].clone()
    all_patches = torch.arange(P, device=first.device)
    for block, pair, index in zip(net.dynamic, contexts[1:], route, strict=True):
        if index is None:
            feature[:P] += block(gather_patches(pair, bounded(feature), all_patches))
        elif len(index) > 0:
            feature.index_add_(0, index, block(gather_patches(pair, bounded(feature), index)))
        total += feature[:P]
    return from_patches(total, height, width)
