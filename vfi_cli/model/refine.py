"""Synthesis network: five refine blocks, the fusion of their features, and the head (paper, fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.ops.patches import from_patches, to_patches

FIRST_STEP = 0.2
"""Factor on the initial output weights of a dynamic block, so that the sum of four blocks starts small."""


def bounded(feature: Tensor) -> Tensor:
    """Feature (N, C, h, w), divided per pixel by sqrt(mean over C of its square + 1); its length is below sqrt(C).

    A small feature stays small; a LayerNorm would amplify the noise of flat areas. The squares are summed in float32,
    because half precision would overflow.
    """
    length = torch.linalg.vector_norm(feature, dim=1, keepdim=True, dtype=torch.float32)
    return feature * torch.rsqrt(length.square() / feature.shape[1] + 1).to(feature.dtype)


class RefineBlock(nn.Module):
    """A small encoder-decoder that refines the carried feature with the context of both frames (eq. 3).

    context 0, context 1, feature --+--------------------- 1x1 ---- + -- 3x3 -> feature
                                    |                               |
                                    +-- 3x3 /2 -- 3x3 --- + -- 3x3 -+ x2
                                                   |      | x2
                                                   +-- 3x3 /2 -- depth x 3x3
    """

    def __init__(self, config: AprConfig, *, first: bool) -> None:
        super().__init__()
        feature, (half, quarter) = config.feature, config.widths
        inputs = 2 * config.context + (0 if first else feature)
        self.skip = nn.Conv2d(inputs, feature, 1)
        self.down1 = nn.Conv2d(inputs, half, 3, stride=2, padding=1)
        self.encode = nn.Conv2d(half, half, 3, padding=1)
        self.down2 = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.bottom = nn.ModuleList(nn.Conv2d(quarter, quarter, 3, padding=1) for _ in range(config.depth))
        # Convolve before the pixel shuffle: a convolution at the larger size would cost more.
        self.up2 = nn.Conv2d(quarter, 4 * half, 1)
        self.decode = nn.Conv2d(half, half, 3, padding=1)
        self.up1 = nn.Conv2d(half, 4 * feature, 1)
        self.out = nn.Conv2d(feature, feature, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Context 0, context 1 and feature, concatenated (N, inputs, h, w) -> feature (N, feature, h, w).

        N is the number of images or of patches; h and w are multiples of 4.
        """
        half = F.leaky_relu_(self.encode(F.leaky_relu_(self.down1(x), 0.1)), 0.1)
        quarter = F.leaky_relu_(self.down2(half), 0.1)
        for conv in self.bottom:
            quarter = F.leaky_relu_(conv(quarter), 0.1)
        half = half + F.pixel_shuffle(self.up2(quarter), 2)
        half = F.leaky_relu_(self.decode(half), 0.1)
        full = self.skip(x) + F.pixel_shuffle(self.up1(half), 2)
        refined: Tensor = self.out(F.leaky_relu_(full, 0.1))
        return refined


class SynthesisNet(nn.Module):
    """Warped context -> the prediction that `ops.compose.blend` takes: blend logits and a residual.

        feature_0 = static(context_0)
        feature_k = feature_(k-1) + dynamic_k(context_k, bounded(feature_(k-1)))    a skipped patch keeps feature_(k-1)
        output    = head(bounded(mean of all features))                             "add & norm" of the paper

    The blocks are residual and their inputs are bounded, because features grow along a chain of plain blocks.
    """

    def __init__(self, config: AprConfig) -> None:
        super().__init__()
        self.patch = config.patch // config.stride
        self.static = RefineBlock(config, first=True)
        self.dynamic = nn.ModuleList(RefineBlock(config, first=False) for _ in range(DYNAMIC_BLOCKS))
        outputs = (config.candidates if config.candidates > 2 else 1) + 3
        kernel = 3 if config.stride == 1 else 1  # a coarse pixel has the features of all pixels that it unfolds to
        self.head = nn.Conv2d(config.feature, outputs * config.stride**2, kernel, padding=kernel // 2)

    def init_weights(self) -> None:
        """Initialise the head to zero, and the outputs of the dynamic blocks to small values."""
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            for block in self.dynamic:
                assert isinstance(block, RefineBlock)
                block.out.weight *= FIRST_STEP

    def forward(self, contexts: Sequence[tuple[Tensor, Tensor]], route: Tensor | None) -> Tensor:
        """The reference that routed execution must equal.

        Args:
            contexts: per block, the context of both frames (B, context, h, w).
            route: (B, P, d), 1 where a patch runs a dynamic block, otherwise 0. Convolutions see zeros beyond the
                border of a patch, as in training stages 2 and 3. None runs all blocks on whole images (stage 1).

        Returns:
            The prediction (B, outputs * stride^2, h, w) that `ops.compose.blend` takes.
        """
        return self.fuse(self.features(contexts, route), *contexts[0][0].shape[-2:])

    def features(self, contexts: Sequence[tuple[Tensor, Tensor]], route: Tensor | None) -> list[Tensor]:
        """The feature after each block: (B, feature, h, w). With a route: patches (B * P, feature, side, side)."""
        feature = self.static(torch.cat(contexts[0], 1))
        if route is not None:
            feature = to_patches(feature, self.patch)
        features = [feature]
        for k, block in enumerate(self.dynamic):
            context_0, context_1 = contexts[k + 1]
            if route is None:
                feature = feature + block(torch.cat((context_0, context_1, bounded(feature)), 1))
            else:
                patches = to_patches(torch.cat((context_0, context_1), 1), self.patch)
                passes = route[..., k].reshape(-1, 1, 1, 1).to(feature.dtype)
                feature = feature + passes * block(torch.cat((patches, bounded(feature)), 1))
            features.append(feature)
        return features

    def fuse(self, features: Sequence[Tensor], height: int, width: int) -> Tensor:
        """The features of all blocks, see `features` -> the prediction (B, outputs * stride^2, height, width)."""
        total = features[0]
        for feature in features[1:]:
            total = total + feature
        whole = total.shape[-2:] == (height, width)
        return self.predict(total if whole else from_patches(total, height, width))

    def predict(self, total: Tensor) -> Tensor:
        """The sum of the features of all blocks (B, feature, h, w) -> the prediction (B, outputs * stride^2, h, w)."""
        packed: Tensor = self.head(bounded(total / (1 + DYNAMIC_BLOCKS)))
        return packed
