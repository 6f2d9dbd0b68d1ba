"""Trunks: the networks between images and features, in both directions, registered by name."""

from latentarium.nn.base import (
    DecoderTrunk,
    EncoderTrunk,
    Trunk,
    build_decoder,
    build_encoder,
    in_trunk_type,
    trunks_compute_in,
)
from latentarium.nn.conv import ConvTrunk, stage_sizes
from latentarium.nn.layers import Fourier, dense_stack
from latentarium.nn.mlp import MLPTrunk

__all__ = [
    "ConvTrunk",
    "DecoderTrunk",
    "EncoderTrunk",
    "Fourier",
    "MLPTrunk",
    "Trunk",
    "build_decoder",
    "build_encoder",
    "dense_stack",
    "in_trunk_type",
    "stage_sizes",
    "trunks_compute_in",
]
