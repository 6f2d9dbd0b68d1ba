"""Whether images share anything that a latent could encode."""

from latentarium.data.dataset import Data, to_float
from latentarium.data.subsets import scattered
from latentarium.diagnostics.messages import Message
from latentarium.metrics.extractors import PixelPCA

NUM_COMPONENTS, MAX_IMAGES, MIN_VALUES = 4, 2000, 64
MIN_SHARE_RATIO = 2.0
"""Share of the variance of held-out images in the first principal components of training images,
relative to that of white noise, from which on the images have structure. It is 0.9 for white noise
and 8 to 400 for digits of 8 x 8 and 28 x 28 pixels and for coloured tiles."""


def lack_of_structure(data: Data) -> Message | None:
    """Return why nothing can be encoded: all images are equal, or they vary like noise.

    Returns:
        The reason; None if the images have structure, or are too few or too small to tell.
    """
    channels, height, width = data.card.image_shape
    values = channels * height * width
    train, held_out = (scattered(s, MAX_IMAGES).images for s in (data.train, data.validation))
    if values < MIN_VALUES or height * width == 1 or len(train) <= NUM_COMPONENTS:
        return None
    if bool((train == train[0]).all()):
        return Message("equal images", {})
    centred = (to_float(held_out) - to_float(train).mean(0)).double().square().sum()
    if not centred > 0:
        return None
    coordinates = PixelPCA.fit(train, NUM_COMPONENTS).features(held_out)
    share, of_noise = float(coordinates.double().square().sum() / centred), NUM_COMPONENTS / values
    if share >= MIN_SHARE_RATIO * of_noise:
        return None
    percent = {"share": f"{share:.1%}", "noise": f"{of_noise:.1%}"}
    return Message("no structure", {"components": NUM_COMPONENTS, **percent})
