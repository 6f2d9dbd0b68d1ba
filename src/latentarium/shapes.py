"""The axis alphabet: the only file that spells axes.

    B batch   C channels   H height   W width   Z latent   K classes
    N, M set sizes   F features   S steps of a path   J neighbours

One letter is one size within one call. Images are float in [-1, 1]; Pixels are what is stored.
"""

from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Images = Float[Tensor, "B C H W"]
"""Images as the models see them, in [-1, 1]."""
Pixels = UInt8[Tensor, "N C H W"]
"""Images as they are stored, 0 to 255."""
ImageSet = Float[Tensor, "N C H W"] | Pixels
"""Real images, as models see them or as they are stored."""
OtherImageSet = Float[Tensor, "M C H W"] | UInt8[Tensor, "M C H W"]
Latents = Float[Tensor, "B Z"]
LatentSet = Float[Tensor, "N Z"]
Path = Float[Tensor, "S Z"]
Labels = Int[Tensor, " B"]
LabelSet = Int[Tensor, " N"]
SoftLabels = Float[Tensor, "B K"]
"""One weight per class; a one-hot row is a hard label, a blend is a point between classes."""
Logits = Float[Tensor, " B"]
PerSample = Float[Tensor, " B"]
SoftLabelSet = Float[Tensor, "N K"]
PerClass = Float[Tensor, "B K"]
Scalar = Float[Tensor, ""]
Features = Float[Tensor, "B F"]
OtherFeatures = Float[Tensor, "B M"]
FeatureSet = Float[Tensor, "N F"]
OtherFeatureSet = Float[Tensor, "M F"]
Points = Float[Tensor, "N 2"]
"""Points in the plane, of the toy mixtures."""
Modes = Float[Tensor, "K 2"]
PerPoint = Float[Tensor, " N"]
OtherLatentSet = Float[Tensor, "M Z"]
OtherLabelSet = Int[Tensor, " M"]
PerOther = Float[Tensor, " M"]
Hits = Bool[Tensor, " N"]
OtherHits = Bool[Tensor, " M"]
LatentVector = Float[Tensor, " Z"]
LatentMatrix = Float[Tensor, "Z Z"]
PlaneAxes = Float[Tensor, "2 Z"]
ClassMeans = Float[Tensor, "K Z"]
ClassCovariances = Float[Tensor, "K Z Z"]
ClassWeights = Float[Tensor, " K"]
ClassScores = Float[Tensor, "N K"]
ClassCounts = Int[Tensor, " K"]
CountTable = Int[Tensor, "K K"]
ClassTable = Float[Tensor, "K K"]
FeatureVector = Float[Tensor, " F"]
FeatureMatrix = Float[Tensor, "F F"]
NeighbourDistances = Float[Tensor, "N J"]
"""One row per query, one column per neighbour, nearest first."""
NeighbourIndices = Int[Tensor, "N J"]
LatentDraws = Float[Tensor, "B S Z"]
"""S latents for each image."""
PerDraw = Float[Tensor, "B S"]
