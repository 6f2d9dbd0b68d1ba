"""The run folder: its layout, and the class that reads and writes it.

    config.json            run id, settings, data card, versions, imported files, initial weights,
                           extensions
    weights.safetensors    the EMA weights, which are the trained model
    checkpoints/           the last two checkpoints, with all that is needed to resume the training
    log.jsonl              one row per logged step, append-only
    progress.json          the current step and the elapsed seconds, for live monitoring
    samples/               grids of samples from fixed latents
    snapshots/             EMA weights of all players at steps evenly spaced in log(step)
    metrics.json           results of `evaluate`
    duality_gap.json       results of `duality-gap`
    priors/                priors that were fitted to the latents
    estimator.json         the rest of a saved scikit-learn estimator
    notes.json             display name and note of the user, if there are any
    README.md              model card

The times of files are not used: a copied, moved or unpacked run behaves like the original.
`load(folder)` needs no data, no GPU and no configuration.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from latentarium.config import Config, DataCard
from latentarium.data.dataset import Data
from latentarium.data.sources import load_training_data
from latentarium.errors import UserError
from latentarium.files import sha256, write_atomic
from latentarium.models.base import LatentModel
from latentarium.models.build import build, model_shapes
from latentarium.models.origin import Origin, WeightsKind
from latentarium.run.claim import locked, require_claimable, require_regular_files
from latentarium.run.manifest import (
    Extension,
    InitialWeights,
    extend_manifest,
    naming_imports,
    naming_missing_data,
    read_manifest,
    require_same_config,
    require_same_data,
    require_same_initial_weights,
    require_same_kind,
    write_manifest,
)
from latentarium.run.priors import TRAINED, hash_with_prior, read_prior, resolve_prior, split_prior
from latentarium.run.run_files import RunFiles
from latentarium.run.shipped_models import resolve_run
from latentarium.run.weights import (
    equals_unversioned,
    is_intact,
    load_weights,
    read_weights,
    require_shapes,
    weights_kind,
    weights_step,
    weights_to_bytes,
)
from latentarium.texts import Text


class Run(RunFiles):
    """A folder that contains one training run.

    Arguments:
        folder: An existing run, or shipped:NAME for a small model that comes with the package.
            `Run.start` creates a new one.

    Attributes:
        folder: The path of the folder.
        id: The identifier of this run; a run that replaces it in the folder has another id.
        config: The configuration.
        data: The card of the training data.
        imports: Names of the Python files that define its custom components.
        initial_weights: The weights of another run from which the training started; None for
            random ones.
        extensions: The changes of the number of steps, in order.

    Raises:
        UserError: As for `read_manifest`: for instance, there is no run (code "not-a-run").
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(resolve_run(folder))
        require_regular_files(self.folder)
        manifest = read_manifest(self.folder / "config.json")
        self.id: str = manifest.id
        self.imports: tuple[str, ...] = manifest.imports
        self.config: Config = manifest.config
        self.data: DataCard = manifest.data
        self.initial_weights: InitialWeights | None = manifest.initial_weights
        self.extensions: tuple[Extension, ...] = manifest.extensions
        self._config_hash = manifest.config_hash

    @classmethod
    def start(cls, folder: str | Path, config: Config, data: DataCard) -> "Run":
        """Create a run folder, or open it if it contains a run with this configuration and data.

        Raises:
            UserError: As for `claim`.
        """
        with cls.claim(folder, config, data) as run:
            return run

    @classmethod
    @contextmanager
    def claim(
        cls,
        folder: str | Path,
        config: Config,
        data: DataCard,
        initial_weights: InitialWeights | None = None,
    ) -> Iterator["Run"]:
        """Create a run folder or open the run that it contains, and lock it for a training.

        Of several processes and threads that claim a new folder at the same time, one gets it.

        Arguments:
            folder: The folder.
            config: The configuration. More steps than those of the run in the folder are allowed.
            data: The card of the training data.
            initial_weights: The weights of another run from which the training starts; None for
                random ones, or for those of the run in the folder.

        Raises:
            UserError: The folder contains another run (code "other-run") or other files (code
                "folder-not-empty"), the run has more steps already (code "fewer-steps"), or
                another training uses the folder (code "run-locked").
        """
        folder = Path(folder)
        require_claimable(folder)
        with locked(folder):
            require_claimable(folder)  # again, since another process may have used it meanwhile
            path = folder / "config.json"
            is_new = not path.exists()
            if is_new:
                write_manifest(path, config, data, initial_weights)
            run = cls(folder)
            if not is_new:
                require_same_config(folder, run.config, config)
                run.require_data(data)
                require_same_initial_weights(folder, run.initial_weights, initial_weights)
            yield run

    def extend(self, steps: int, at_step: int) -> None:
        """Change the number of steps of the run, and record the change in config.json.

        Arguments:
            steps: The new number of steps.
            at_step: The step from which the training continues.
        """
        extend_manifest(self.folder / "config.json", steps, at_step)
        changed = Run(self.folder)
        self.config, self.extensions = changed.config, changed.extensions

    def is_current(self) -> bool:
        """Return whether the folder still contains this run, and no other has replaced it."""
        try:
            return Run(self.folder).id == self.id
        except UserError:
            return False

    # ------------------------------------------------------------------------------ data

    def load_data(self, source: str | None = None) -> Data:
        """Load the training data of the run, or other data with the same shape and classes.

        Arguments:
            source: The source of other data, as for `latentarium.load_data`; None for the training
                data of the run.

        Raises:
            UserError: The training data is gone (code "data-missing") or has changed since the
                training (code "other-data"), or the other data has another shape or other classes
                (code "data-mismatch").
        """
        with naming_missing_data(self.folder, self.config.train.data if source is None else None):
            data = load_training_data(self.config.train, source, self.data.value_range)
        if source is None:
            self.require_data(data.card)
        require_same_kind(self.folder, self.data, data.card)
        return data

    def require_data(self, card: DataCard) -> None:
        """Check that a data set is the one that the run was trained on.

        Raises:
            UserError: The fingerprints differ (code "other-data").
        """
        require_same_data(self.folder, self.data, card)

    # ------------------------------------------------------------------------------ weights

    def save_weights(self, model: LatentModel, *, step: int) -> bool:
        """Save the weights of the trained model, but keep intact weights of a later step.

        Arguments:
            model: The EMA model.
            step: The training step of its weights.

        Returns:
            Whether the file has these weights; False if it has later ones.
        """
        path = self.folder / "weights.safetensors"
        saved = self.saved_step()
        if saved is not None and saved > step and is_intact(path, config_hash=self._config_hash):
            return False
        if not equals_unversioned(path, model):
            self._write_weights(path, model, step)
        return True

    def saved_step(self) -> int | None:
        """Return the training step of the saved weights of the trained model; None if there are
        none."""
        path = self.folder / "weights.safetensors"
        if not path.is_file():
            return None
        step = weights_step(path)
        if step is None:  # written by an earlier version: assume the step of the newest checkpoint
            return max(self.checkpoints(), default=self.config.train.steps)
        return step

    def weights_step(self) -> int | None:
        """Return the training step of the saved weights of the trained model.

        None if there are no weights, or if training has continued since they were saved.
        """
        step = self.saved_step()
        newest = max(self.checkpoints(), default=0)
        return step if step is not None and newest <= step else None

    def weights_hash(self, prior: str | None = None) -> str:
        """Return the SHA-256 of weights.safetensors, or of it and the file of a fitted prior.

        Raises:
            UserError: There are no weights yet (code "no-weights"), or there is no such prior, as
                for `read_prior`.
        """
        weights = sha256(self._weights_path().read_bytes())
        return weights if prior is None else hash_with_prior(self.folder, prior, weights)

    def resolve_prior(self, prior: str | None) -> str | None:
        """Return the kind of the fitted prior that `load` uses; None for the trained prior."""
        return resolve_prior(self.folder, prior, self.config.model, self.weights_hash())

    def save_snapshot(self, step: int, model: LatentModel) -> None:
        """Save the weights of all players at a step.

        Arguments:
            step: The step.
            model: The EMA model, as for `save_weights`.
        """
        path = self.folder / "snapshots" / f"{step:09d}.safetensors"
        self._write_weights(path, model, step, self._kind_for_use)

    def weights_kind(self, snapshot: int | None = None) -> WeightsKind:
        """Return whether the weights of the trained model, or of a snapshot, are an average.

        Snapshots of earlier versions have raw weights.

        Raises:
            UserError: There are no such weights, as for `load`.
        """
        path = self._weights_path(snapshot)
        return self._kind_for_use if snapshot is None else weights_kind(path)

    @property
    def _kind_for_use(self) -> WeightsKind:
        return "ema" if self.config.train.ema_halflife > 0 else "raw"

    def load(self, snapshot: int | None = None, *, prior: str | None = None) -> LatentModel:
        """Return the trained model on the CPU, in evaluation mode.

        Arguments:
            snapshot: The step of a snapshot; None for the weights of the trained model.
            prior: The kind of a fitted prior, "trained", or None for the default of
                `resolve_prior`; the default for a snapshot is the trained prior.

        Raises:
            UserError: There are no such weights (code "no-weights" or "no-snapshot"), they are
                damaged (code "damaged-weights"), a component of the model is not registered (code
                "unknown-component"), or there is no such prior, as for `read_prior`.
        """
        path = self._weights_path(snapshot)
        with naming_imports(self.imports):
            require_shapes(path, model_shapes(self.config.model, self.data))
            model = build(self.config.model, self.data, self.config.train.seed)
        load_weights(path, model, config_hash=self._config_hash)
        model.origin = Origin(
            weights=self.weights_kind(snapshot),
            optimizer=self.config.optimizer,
            precision=self.config.train.precision,
        )
        kind = prior if snapshot is not None else self.resolve_prior(prior)
        if kind not in (None, TRAINED):
            model.use_prior(read_prior(self.folder, kind, sha256(path.read_bytes()))[0], kind)
        return model.eval()

    def weights_of(self, snapshot: int | None = None) -> dict[str, Tensor]:
        """Return the tensors of the trained model, or of a snapshot, by name.

        Raises:
            UserError: There are no such weights, or they are damaged, as for `load`.
        """
        return read_weights(self._weights_path(snapshot), config_hash=self._config_hash)

    def _weights_path(self, snapshot: int | None = None) -> Path:
        name = "weights" if snapshot is None else f"snapshots/{snapshot:09d}"
        path = self.folder / f"{name}.safetensors"
        if path.is_file():
            return path
        if snapshot is not None:
            steps = ", ".join(map(str, self.snapshots())) or "none"
            raise UserError(
                f"{self.folder} has no snapshot of step {snapshot}. Existing snapshots: {steps}.",
                code="no-snapshot",
            )
        raise UserError(
            Text(
                "{folder} has no {file}: its training has not ended. Run the same train command "
                "again to resume it.",
                folder=self.folder,
                file=path.name,
            ),
            code="no-weights",
        )

    def _write_weights(
        self, path: Path, model: LatentModel, step: int, kind: WeightsKind | None = None
    ) -> None:
        content = weights_to_bytes(model, step=step, config_hash=self._config_hash, kind=kind)
        write_atomic(path, content)


def load(folder: str | os.PathLike[str] | Run, *, prior: str | None = None) -> LatentModel:
    """Load a trained model: `load("runs/cgan").sample(64, label=7, seed=0)`.

    The package contains the small models shipped:ae, shipped:vae, shipped:gan and shipped:cgan.

    Arguments:
        folder: The folder of a run, or a `Run`. RUN@KIND is short for a folder and a prior.
        prior: The kind of a prior that `latentarium.fit_prior` fitted to its latents; or
            "trained" for the trained prior. None: the trained prior, or for an autoencoder, which
            has none, the best fitted prior if there is any.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        UserError: As for `Run` and `Run.load`.
    """
    if isinstance(folder, str | os.PathLike):
        folder, kind = split_prior(folder)
        prior = kind if prior is None else prior
    return (folder if isinstance(folder, Run) else Run(folder)).load(prior=prior)
