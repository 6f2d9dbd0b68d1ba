"""The latent space of a model: maps, interpolation, Gaussians, gaps, inversion.

`LatentMap` combines all of this for one model and its data. The other functions and classes are
its parts, and also work with latents from other sources.
"""

from latentarium.latent.assessment import Assessment, assess_held_out, assess_samples
from latentarium.latent.calibration import SCORE_COLUMNS, Calibration, Scores, levels_of
from latentarium.latent.encoded import EncodedData
from latentarium.latent.gaps import (
    decoder_stretch,
    distance_to_data,
    gap_share,
    log_density,
    quality_by_distance,
    round_trip_error,
)
from latentarium.latent.gaussians import (
    ClassGaussians,
    Ellipse,
    FittedGaussian,
    FittedMixture,
    mixture,
    single_gaussian,
)
from latentarium.latent.inversion import Inversion, InversionOptions, invert, invert_iter
from latentarium.latent.inversion_baseline import InversionBaseline
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.locate import Location
from latentarium.latent.nearest_training import CopyCheck
from latentarium.latent.neighbours import Neighbours, knn_accuracy, nearest
from latentarium.latent.paths import DataGraph
from latentarium.latent.planes import (
    Plane,
    anchor_plane,
    linear_discriminant_plane,
    principal_plane,
)
from latentarium.latent.scores import ScoredImages
from latentarium.latent.snapshots import Snapshots
from latentarium.models.interpolation import lerp, slerp

__all__ = [
    "SCORE_COLUMNS",
    "Assessment",
    "Calibration",
    "ClassGaussians",
    "CopyCheck",
    "DataGraph",
    "Ellipse",
    "EncodedData",
    "FittedGaussian",
    "FittedMixture",
    "Inversion",
    "InversionBaseline",
    "InversionOptions",
    "LatentMap",
    "Location",
    "Neighbours",
    "Plane",
    "ScoredImages",
    "Scores",
    "Snapshots",
    "anchor_plane",
    "assess_held_out",
    "assess_samples",
    "decoder_stretch",
    "distance_to_data",
    "gap_share",
    "invert",
    "invert_iter",
    "knn_accuracy",
    "lerp",
    "levels_of",
    "linear_discriminant_plane",
    "log_density",
    "mixture",
    "nearest",
    "principal_plane",
    "quality_by_distance",
    "round_trip_error",
    "single_gaussian",
    "slerp",
]
