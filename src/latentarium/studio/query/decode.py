"""Answer the requests of the decode socket."""

import numpy as np
import torch

from latentarium.errors import UserError
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.scores import ScoredImages
from latentarium.shapes import LatentSet, Pixels, SoftLabelSet
from latentarium.studio.protocol import DecodeRequest, RowKind
from latentarium.texts import Text


def row_sizes(latent_map: LatentMap) -> tuple[int, ...]:
    """Return how many numbers a row has, by kind of request."""
    return latent_map.model.latent_dim, 2, 1, 2


def answer_request(latent_map: LatentMap, request: DecodeRequest) -> ScoredImages:
    """Decode the rows of a request, and score the images.

    Raises:
        UserError: The class weights are missing (code "label-missing"), or given to a model that
            takes none (code "label-not-taken"); an image is not on the map (code "unknown-image");
            or the model can't encode images (code "no-encoder").
    """
    latent_map.decoder.check_label(request.labels)
    if request.kind == RowKind.IMAGES:
        return latent_map.decoder.reconstruct_scored(_images(latent_map, request))
    return latent_map.decode_scored(_latents(latent_map, request), _class_weights(request))


def _latents(latent_map: LatentMap, request: DecodeRequest) -> LatentSet:
    rows = torch.from_numpy(request.rows.astype(np.float64))
    if request.kind == RowKind.LATENTS:
        return rows.float()
    if request.kind == RowKind.POINTS:
        return latent_map.unproject(rows)
    return latent_map.encoded.lattice(rows)


def _class_weights(request: DecodeRequest) -> SoftLabelSet | None:
    if request.labels is None:
        return None
    weights = torch.from_numpy(request.labels.copy())
    return weights / weights.sum(1, keepdim=True)


def _images(latent_map: LatentMap, request: DecodeRequest) -> Pixels:
    latent_map.encoded.require_encoder()
    images = []
    for number in request.rows[:, 0].astype(np.int64):
        image = latent_map.image(int(number))
        if image is None:
            raise UserError(
                Text(
                    "There is no image {number} on this map: its images are numbered 0 to "
                    "{last:,}.",
                    number=number,
                    last=latent_map.encoded.num_images - 1,
                ),
                code="unknown-image",
            )
        images.append(image)
    return torch.stack(images)
