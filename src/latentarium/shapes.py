"""Names for the tensor types of the package. Only this module spells out their axes.

    B batch   C channels   H height   W width   Z latent   K classes
    N, M set sizes   F features   S steps of a path, or latents per image   J neighbours

Within one function call, a letter always stands for the same size. Images are floats in [-1, 1];
`Pixels` are the stored uint8 values.
"""

from typing import Any

from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# ------------------------------------------------------------------------------------ images
Images = Float[Tensor, "B C H W"]
"""Images as models take and return them, in [-1, 1]."""
DecoderOutput = Float[Tensor, "B P H W"]
"""The parameters of p(x | z): P = C channels, or more if a value has several parameters."""
ConstantOutput = Float[Tensor, "1 P H W"]
"""The same for one row, which stands for every image."""
Pixels = UInt8[Tensor, "N C H W"]
"""Images as they are stored, 0 to 255."""
ImageSet = Float[Tensor, "N C H W"] | Pixels
"""Images in [-1, 1], or as they are stored."""
OtherImageSet = Float[Tensor, "M C H W"] | UInt8[Tensor, "M C H W"]
ImageInput = Any
"""Images as callers give them: tensors or arrays, uint8 or floats in [-1, 1]; see
`models.inputs`. The type is `Any`, so that a model family can declare `Images`."""

# ----------------------------------------------------------------------------------- latents
Latents = Float[Tensor, "B Z"]
LatentSet = Float[Tensor, "N Z"]
OtherLatentSet = Float[Tensor, "M Z"]
LowerLatents = Float[Tensor, "B Z1"]
UpperLatents = Float[Tensor, "B Z2"]
"""The two parts of a latent with two levels."""
LatentInput = Any
"""Latents as callers give them: tensors or arrays (N, Z); see `models.inputs`."""
LatentsPerImage = Float[Tensor, "B S Z"]
"""S latents for each of B images."""
PerImageLatent = Float[Tensor, "B S"]
"""A number for each latent of `LatentsPerImage`."""
LatentPath = Float[Tensor, "S Z"]
LatentVector = Float[Tensor, " Z"]
LatentMatrix = Float[Tensor, "Z Z"]
PlaneAxes = Float[Tensor, "2 Z"]

# ------------------------------------------------------------------------ labels and classes
Labels = Int[Tensor, " B"]
LabelSet = Int[Tensor, " N"]
OtherLabelSet = Int[Tensor, " M"]
SoftLabels = Float[Tensor, "B K"]
"""One weight per class: one-hot for a single class, several weights for a blend of classes."""
SoftLabelSet = Float[Tensor, "N K"]
LabelInput = Any
"""Labels as callers give them: class numbers, names, or weights; see `models.labels`."""
PerClass = Float[Tensor, "B K"]
ClassMeans = Float[Tensor, "K Z"]
ClassCovariances = Float[Tensor, "K Z Z"]
ClassWeights = Float[Tensor, " K"]
ClassScores = Float[Tensor, "N K"]
ClassCounts = Int[Tensor, " K"]
CountTable = Int[Tensor, "K K"]
ClassTable = Float[Tensor, "K K"]

# ---------------------------------------------------------------------------------- features
Features = Float[Tensor, "B F"]
OtherFeatures = Float[Tensor, "B M"]
FeatureSet = Float[Tensor, "N F"]
OtherFeatureSet = Float[Tensor, "M F"]
FeatureVector = Float[Tensor, " F"]
FeatureMatrix = Float[Tensor, "F F"]
NeighbourDistances = Float[Tensor, "N J"]
"""One row per query and one column per neighbour, nearest first."""
NeighbourIndices = Int[Tensor, "N J"]

# ------------------------------------------------------------------------- numbers and points
Scalar = Float[Tensor, ""]
Logits = Float[Tensor, " B"]
PerSample = Float[Tensor, " B"]
PerPoint = Float[Tensor, " N"]
PerOther = Float[Tensor, " M"]
Mask = Bool[Tensor, " N"]
OtherMask = Bool[Tensor, " M"]
Points = Float[Tensor, "N 2"]
"""Points in a plane."""
Modes = Float[Tensor, "K 2"]
"""The means of a mixture in a plane."""
