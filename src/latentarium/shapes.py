"""The axis alphabet: the only file that spells axes.

    B batch   C channels   H height   W width   Z latent   K classes
    N, M set sizes   F features   S steps of a path

One letter is one size within one call. Images are float in [-1, 1]; Pixels are what is stored.
"""

from jaxtyping import Float, Int, UInt8
from torch import Tensor

Images = Float[Tensor, "B C H W"]
"""Images as the models see them, in [-1, 1]."""
Pixels = UInt8[Tensor, "N C H W"]
"""Images as they are stored, 0 to 255."""
Latents = Float[Tensor, "B Z"]
LatentSet = Float[Tensor, "N Z"]
Path = Float[Tensor, "S Z"]
Labels = Int[Tensor, " B"]
LabelSet = Int[Tensor, " N"]
SoftLabels = Float[Tensor, "B K"]
"""One weight per class; a one-hot row is a hard label, a blend is a point between classes."""
Logits = Float[Tensor, " B"]
PerSample = Float[Tensor, " B"]
PerClass = Float[Tensor, "B K"]
Scalar = Float[Tensor, ""]
Features = Float[Tensor, "B F"]
FeatureSet = Float[Tensor, "N F"]
OtherFeatureSet = Float[Tensor, "M F"]
