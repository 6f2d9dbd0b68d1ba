"""The latent space of a model, with the data in it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from latentarium.arguments import Integer, Number, as_count, as_integer, as_seed
from latentarium.cached import cached
from latentarium.data.dataset import Data, to_float, to_uint8
from latentarium.data.layout import ImageLayout, data_layout
from latentarium.data.preparation import PreparedImage, prepare_image, read_picture
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.latent import gaussian_samples
from latentarium.latent.calibration import Calibration, ImageClassifier
from latentarium.latent.encoded import K_NEAREST, EncodedData, ImageSet
from latentarium.latent.explained_variance import explained_variance
from latentarium.latent.gap_layer import Box, GapLayers
from latentarium.latent.gaussian_samples import NUM_SAMPLES
from latentarium.latent.gaussians import ClassGaussians, Ellipse
from latentarium.latent.interpolation import Interpolator
from latentarium.latent.inversion import Inversion, InversionOptions, invert
from latentarium.latent.locate import Location, locate
from latentarium.latent.named_latents import named_latent, named_plane
from latentarium.latent.neighbours import Neighbours
from latentarium.latent.planes import Plane
from latentarium.latent.scored_decoder import ScoredDecoder
from latentarium.latent.scores import ScoredImages
from latentarium.models.base import LatentModel
from latentarium.models.inputs import as_latents, to_model, to_tensor
from latentarium.progress import StepProgress
from latentarium.run import Run
from latentarium.run.priors import split_prior
from latentarium.shapes import (
    ImageInput,
    Images,
    LabelInput,
    LatentInput,
    LatentPath,
    LatentSet,
    LatentVector,
    Points,
    SoftLabelSet,
)

FLOAT = torch.empty(0)
"""Has the type and the device of a map's latents and images."""


class LatentMap:
    """The latent space of a model: its data on a plane, decoding anywhere, and calibrated scores.

    A model that can't encode images without their label (a GAN, a conditional VAE) has a lattice
    of seeds in place of the plane: `decode`, `decode_at`, `interpolate` and `invert` work, and
    methods that need the latents of images raise UserError (code "no-encoder"). Everything is
    computed when it is first needed. Threads may share a map.

    Images, latents and labels are accepted in the forms that `LatentModel` lists: images as uint8
    or as floats in [-1, 1], tensors or arrays (N, C, H, W); decoded images are floats in [-1, 1].
    `plane` arguments take a `Plane`, or the name of a plane through three images or class means,
    such as "i17_c3_i40"; None is the map's own plane.

        >>> latent_map = la.LatentMap.from_run("runs/vae")
        >>> latent_map.decode_at(0.5, -1.0)

    Arguments:
        model: A model in evaluation mode.
        data: The data that the model was trained on: `Data`, or any source that `load_data` takes.
        seed: Seed of the latents that are drawn from posteriors, and of the lattice.
        max_points: Number of training images on the map, chosen as a stratified subset. With 0,
            the map contains all training images, followed by all validation images.
        align_to: See `EncodedData`.
        classifier: A classifier of such images, which measures doubt; None: the one that ships
            with the package, or that `evaluate` has trained and cached, if there is one for these
            data.
    """

    def __init__(
        self,
        model: LatentModel,
        data: object,
        seed: int = 0,
        *,
        max_points: int = 0,
        align_to: Callable[[], Points | None] | None = None,
        classifier: ImageClassifier | None = None,
    ) -> None:
        self.model = model
        self.data: Data = load_data(data)
        self.seed: int = as_seed(seed)
        self.lock: threading.RLock = threading.RLock()
        """Held while the model computes; re-entrant."""
        self._lock = self.lock
        self.encoded: EncodedData = EncodedData(
            model,
            self.data,
            self.seed,
            max_points=max_points,
            align_to=align_to,
            lock=self.lock,
        )
        self.decoder: ScoredDecoder = ScoredDecoder(self.encoded, classifier, self.lock)
        self.interpolator: Interpolator = Interpolator(self.encoded)
        self.gap_layers: GapLayers = GapLayers(self.encoded, self.decoder)

    @classmethod
    def from_run(
        cls,
        run: str | Path | Run,
        data: str | Path | Data | None = None,
        *,
        step: int | None = None,
        seed: int = 0,
    ) -> "LatentMap":
        """Load a run's model and data.

        Arguments:
            run: A run, or its folder; RUN@KIND is a run with a fitted prior.
            data: The data, or their new source if they have moved; None: the source that the run
                was trained on.
            step: The step of a snapshot to open, whose map is aligned with the maps of the run's
                other snapshots; None: the final weights.
            seed: As for `LatentMap`.

        Raises:
            UserError: The folder is not a run, the run has no such snapshot (code "no-snapshot"),
                or the data differ from those that the run was trained on.
        """
        prior = None
        if not isinstance(run, Run):
            path, prior = split_prior(run)
            run = Run(path)
        loaded = run.load_data(str(data)) if isinstance(data, str | Path) else data
        loaded = run.load_data() if loaded is None else loaded
        if step is None:
            return cls(run.load(prior=prior), loaded, seed)
        from latentarium.latent.snapshots import Snapshots  # which imports this module

        return Snapshots(run, loaded, seed).at_step(step)

    # ------------------------------------------------------------------------------------ the data

    @property
    def can_encode(self) -> bool:
        """True if the model encodes images without their label."""
        return self.encoded.can_encode

    @property
    def latents(self) -> LatentSet:
        """One latent per training image on the map, drawn from the image's posterior."""
        return self.encoded.latents

    def image(self, number: int, images: ImageSet = "map") -> Tensor | None:
        """Return the pixels of an image, uint8 (C, H, W); None if there is none.

        Arguments:
            number: Its number, from 0.
            images: "map": the images on the map, which are the training images and after them the
                validation images; "test": the test images.
        """
        return self.encoded.image(number, images)

    @property
    def plane(self) -> Plane:
        """The plane of the map: the latent space if it has two dimensions, otherwise the
        principal plane of the latents."""
        return self.encoded.plane

    def points(self, plane: Plane | str | None = None) -> np.ndarray:
        """Return the coordinates of all images on the map, float32 (N, 2).

        Training images come first, then validation images.
        """
        return self.encoded.points(self._plane(plane))

    @property
    def gaussians(self) -> ClassGaussians | None:
        """A Gaussian for each class; None without labels, or with fewer than two images in a
        class."""
        return self.encoded.gaussians

    def ellipses(self, plane: Plane | str | None = None) -> list[tuple[Ellipse, ...]]:
        """Return the class Gaussians on the plane, at one and at two standard deviations."""
        return self.encoded.ellipses(self._plane(plane))

    def neighbours(self, z: LatentInput, k: Integer = K_NEAREST) -> Neighbours:
        """Return the k nearest training images of each latent, by number."""
        return self.encoded.neighbours(self._latents(z), as_count("k", k))

    def named_plane(self, name: str) -> Plane:
        """Return the plane through three images or class means, such as "i17_c3_i40"; "" is the
        map's own plane."""
        return named_plane(self.encoded, name)

    def named_latent(self, name: str, plane: Plane | str | None = None) -> LatentVector:
        """Return the latent of an image ("i17"), a class mean ("c3") or a point ("0.5,-1.25")."""
        return named_latent(self.encoded, name, self._plane(plane))

    def _latents(self, z: LatentInput) -> LatentSet:
        return as_latents(z, self.model.latent_dim, FLOAT)

    def _images(self, images: ImageInput) -> Images:
        return to_model(self.model.image_format.read(images, stacklevel=4), FLOAT)

    def _plane(self, plane: Plane | str | None) -> Plane | None:
        return self.named_plane(plane) if isinstance(plane, str) else plane

    # --------------------------------------------------------------------------- decode and encode

    def decode(self, z: LatentInput, label: LabelInput = None) -> Images:
        """Decode latents (N, Z).

        Arguments:
            z: The latents.
            label: For a model whose decoder takes a label: one label for all latents, or a
                sequence with the label of each latent; see `LatentModel.sample`.

        Raises:
            UserError: The latents don't fit the model, as for `LatentModel.decode`; or a label is
                missing (code "label-missing"), or given to a model whose decoder takes none (code
                "label-not-taken").
        """
        z = self._latents(z)
        return self.decoder.decode(z, self.decoder.class_weights(label, len(z)))

    def decode_at(
        self,
        x: float,
        y: float,
        label: LabelInput = None,
        *,
        plane: Plane | str | None = None,
        seeds: bool = False,
    ) -> Images:
        """Decode a point of the map into one image (1, C, H, W), rounded to 256 levels.

        Arguments:
            x, y: Coordinates on the plane.
            label: As for `decode`.
            plane: The plane of the point.
            seeds: If true, the point is on the lattice of seeds, which every model has.
        """
        point = torch.tensor([[x, y]], dtype=torch.float32).double()
        z = self.encoded.lattice(point) if seeds else self.unproject(point, plane)
        return to_float(to_uint8(self.decode(z, label)))

    def unproject(
        self, points: Tensor | np.ndarray, plane: Plane | str | None = None
    ) -> LatentSet:
        """Return the latents of points (N, 2) of a plane.

        If the model can't encode images, the points are on the lattice.
        """
        return self.encoded.unproject(to_tensor(points, "points").double(), self._plane(plane))

    def encode(self, images: ImageInput) -> LatentSet:
        """Return the posterior means of images.

        Raises:
            UserError: The images don't fit the model, as for `LatentModel.encode`, or the model
                can't encode images without labels (code "no-encoder").
        """
        self.encoded.require_encoder()
        return self.decoder.encode(self._images(images))

    def reconstruct(self, images: ImageInput) -> Images:
        """Encode and decode images; errors are those of `encode`."""
        self.encoded.require_encoder()
        return self.decode(self.decoder.encode(self._images(images)))

    @property
    def layout(self) -> ImageLayout:
        """The background of the training images, and where their subject is."""
        return data_layout(self.data)

    def prepare_image(
        self,
        picture: object,
        *,
        fit: bool = True,
        invert: bool | None = None,
        clean: bool | None = None,
        centre: bool | None = None,
    ) -> PreparedImage:
        """Turn a picture, such as a photo of a digit, into an image like those of the data.

            >>> prepared = latent_map.prepare_image("photo.jpg")
            >>> latent_map.locate(prepared.image).class_probabilities

        Arguments:
            picture: The path of an image file, a Pillow image, or an array or tensor, uint8.
            fit, invert, clean, centre: The steps; see `latentarium.data.preparation`. None:
                decided by a comparison of the picture with the data.

        Raises:
            UserError: The picture can't be read (code "not-an-image"), or is an array of an
                unsuitable shape or type (code "shape-mismatch").
        """
        return prepare_image(
            read_picture(picture),
            self.layout,
            self.model.image_shape,
            fit=fit,
            invert=invert,
            clean=clean,
            centre=centre,
        )

    def locate(self, image: ImageInput, *, plane: Plane | str | None = None) -> Location:
        """Encode one image, and describe where it is on the map.

        Raises:
            UserError: As for `encode`; or there is not exactly one image (code "shape-mismatch").
        """
        self.encoded.require_encoder()
        where, x = self._plane(plane) or self.plane, self._images(image)
        if len(x) != 1:
            raise UserError(
                f"There are {len(x)} images; locate one at a time.", code="shape-mismatch"
            )
        with self.lock:
            return locate(self.encoded, lambda z, real: self.decode_scored(z, real=real), x, where)

    def invert(
        self,
        images: ImageInput,
        label: LabelInput = None,
        **options: Unpack[InversionOptions],
    ) -> Inversion:
        """Search by gradient descent for latents that decode to images; see
        `latentarium.latent.inversion`."""
        with self.lock:
            return invert(self.model, images, label, **options)

    # ------------------------------------------------------------------ sampling and interpolation

    def class_latents(
        self,
        label: str | int,
        n: Integer = NUM_SAMPLES,
        seed: Integer = 0,
        *,
        truncation: Number = 1.0,
    ) -> LatentSet:
        """Draw latents from the Gaussian of a class, given by number or name.

        The truncation scales their deviation from the mean. All Gaussians get the same noise from
        a seed.
        """
        return gaussian_samples.class_latents(self.encoded, label, n, seed, truncation=truncation)

    def sample_class(
        self, label: str | int, n: Integer = 16, seed: Integer = 0, *, truncation: Number = 1.0
    ) -> Images:
        """Decode latents drawn from the Gaussian of a class; see `class_latents`."""
        return self.decode(self.class_latents(label, n, seed, truncation=truncation))

    def gaussian_latents(
        self, n: Integer = NUM_SAMPLES, seed: Integer = 0, *, truncation: Number = 1.0
    ) -> LatentSet:
        """Draw latents from one Gaussian, fitted to all training latents by maximum likelihood."""
        return gaussian_samples.single_gaussian_latents(
            self.encoded, n, seed, truncation=truncation
        )

    def ellipse_latents(
        self,
        centre: tuple[float, float],
        major: float,
        minor: float,
        angle: float = 0.0,
        n: Integer = NUM_SAMPLES,
        seed: Integer = 0,
        *,
        truncation: Number = 1.0,
        plane: Plane | str | None = None,
    ) -> LatentSet:
        """Draw latents from a Gaussian on a plane, given by its ellipse at one standard deviation:
        its centre, half axes, and the angle of the major axis in radians."""
        ellipse = Ellipse(centre=centre, major=major, minor=minor, angle=angle, sigmas=1.0)
        return gaussian_samples.ellipse_latents(
            self.encoded, ellipse, n, seed, truncation=truncation, plane=self._plane(plane)
        )

    def interpolate(
        self,
        a: LatentInput,
        b: LatentInput,
        steps: Integer = 16,
        method: str = "linear",
        *,
        plane: Plane | str | None = None,
    ) -> LatentPath:
        """Return the latents on a path from a to b, both included.

        Arguments:
            a, b: Latents (Z,), or names that `named_latent` accepts.
            steps: Number of latents.
            method: "linear"; "spherical", which keeps the norm that is typical of N(0, I); or
                "data", along a graph of the nearest latents.
            plane: The plane of points that are given by name.

        Raises:
            UserError: See `Interpolator.path` and `named_latent`.
        """
        first, second = (
            self.named_latent(end, plane) if isinstance(end, str) else self._latents(end)[0]
            for end in (a, b)
        )
        count = as_integer("steps", steps, 2, code="too-few-steps")
        return self.interpolator.path(first, second, count, method)

    # -------------------------------------------------------------------------------------- scores

    @property
    def classifier(self) -> ImageClassifier | None:
        """The classifier that measures doubt; None if no classifier knows these data."""
        return self.decoder.classifier

    def look_for_classifier(self) -> None:
        """Use the classifier that `evaluate` has trained since the map was made, if there is one
        and the map has none."""
        if self.decoder.look_for_classifier():
            self.gap_layers.clear()

    @property
    def calibration(self) -> Calibration:
        """The calibration of the scores of decoded images, on held-out images."""
        return self.decoder.calibration

    def decode_scored(
        self, z: LatentSet, weights: SoftLabelSet | None = None, *, real: Images | None = None
    ) -> ScoredImages:
        """Decode latents, and score the images; see `ScoredDecoder.decode_scored`."""
        return self.decoder.decode_scored(z, weights, real=real)

    def gap_layer(
        self, measure: str, box: Box, cells: int = 64, plane: Plane | str | None = None
    ) -> np.ndarray:
        """Return how unusual each cell of a grid over the map is, float32 (cells, cells), the
        topmost row first; see `GapLayers.parts`."""
        return self.gap_layers.grid(measure, box, cells, self._plane(plane))

    @cached
    def explained_variance(self) -> float | None:
        """R^2 of the reconstructions of held-out images.

        It is None if the model can't encode images, or if R^2 is not finite.
        """
        return explained_variance(self.model, self.data.validation) if self.can_encode else None

    def prepare(self, progress: StepProgress | None = None) -> None:
        """Compute everything that decoding and scoring need, so that the first call is fast.

        Scoring needs a network that has learned to recognize corrupted images of these data. It is
        trained when a data set is scored for the first time, in about two minutes, and cached.

        Arguments:
            progress: Reports the training of this network: takes the number of finished steps, the
                number of all steps, and the loss.
        """
        with self.lock:
            if self.can_encode:
                self.points()
                _ = self.explained_variance
        self.decoder.prepare(progress)

    @property
    def is_prepared(self) -> bool:
        """True if `prepare` has nothing left to compute."""
        return "calibration" in vars(self.decoder)  # reading the property would wait for the lock
