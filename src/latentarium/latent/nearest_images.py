"""Find the training images that are nearest to an image, by their latents or by their pixels."""

from typing import Literal

import torch
from sklearn.neighbors import NearestNeighbors

from latentarium.data.dataset import to_float
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.neighbours import Neighbours
from latentarium.shapes import Images

Space = Literal["latent", "pixels"]


def nearest_training_images(
    latent_map: LatentMap, x: Images, k: int, space: Space = "latent"
) -> Neighbours:
    """Return the k nearest training images of one image; fewer if there are fewer.

    Arguments:
        latent_map: The model and its training data.
        x: One image (1, C, H, W), in [-1, 1].
        k: Number of training images.
        space: "latent": Euclidean distances between the mean of the image's posterior and the
            latents of the training images, in units of z. "pixels": between pixels in [-1, 1],
            for every model.

    Raises:
        UserError: The model can't encode images (code "no-encoder").
    """
    if space == "latent":
        return latent_map.neighbours(latent_map.encode(x), k)
    train = to_float(latent_map.data.train.images).flatten(1).numpy()
    search = NearestNeighbors(n_neighbors=min(k, len(train)), algorithm="brute").fit(train)
    distance, index = search.kneighbors(x.flatten(1).numpy())
    return Neighbours(distance=torch.from_numpy(distance).double(), index=torch.from_numpy(index))
