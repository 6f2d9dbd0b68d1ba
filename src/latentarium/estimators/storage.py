"""Save estimators in run folders, without pickle.

config.json            the configuration, as for every run
weights.safetensors    the weights of the model
priors/                the prior that was fitted to the latents, if there is one
estimator.json         the class, its parameters, the format of the data, what was fitted
"""

import copy
import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentarium.config import Config, from_dict, to_dict
from latentarium.distributions import FlowPrior, Prior
from latentarium.errors import UserError
from latentarium.estimators.data_format import DataFormat
from latentarium.files import read_json, to_json, write_atomic
from latentarium.latent.flow_fit import FLOW
from latentarium.models.base import LatentModel
from latentarium.run import Run
from latentarium.run.compat import upgrade_config
from latentarium.run.priors import TRAINED, PriorFacts, write_prior
from latentarium.run.run_files import RunFiles

FORMAT = 1
"""Version of the format of estimator.json."""


@dataclass(kw_only=True)
class SavedEstimator:
    """Everything that is saved of an estimator.

    Arguments:
        model: The trained model.
        config: The configuration that it was trained with.
        parameters: The parameters of the estimator.
        data_format: The format of the rows.
        feature_names: Names of the columns of the training data; None without names.
        fitted: Other fitted values, as JSON values.
        trained_prior: The prior that was trained with the model, if a fitted one replaces it.
    """

    model: LatentModel
    config: Config
    parameters: dict[str, Any]
    data_format: DataFormat
    feature_names: tuple[str, ...] | None
    fitted: dict[str, Any]
    trained_prior: Prior | None = None


def write_estimator(folder: Path, name: str, saved: SavedEstimator) -> Path:
    """Save an estimator in a new folder, and return the folder.

    Raises:
        UserError: The folder is not empty (code "folder-not-empty"), or it can't be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(
            f"{folder} is not empty: give a new folder, or remove this one first.",
            code="folder-not-empty",
        )
    run = Run.start(folder, saved.config, saved.model.data)
    model = copy.deepcopy(saved.model)
    if saved.trained_prior is not None:
        model.prior = saved.trained_prior
    run.save_weights(model, step=saved.config.train.steps)
    kind = saved.model.fitted_prior
    if kind is not None:
        prior = saved.model.prior
        facts = PriorFacts(
            kind=kind,
            weights=run.weights_hash(),
            fingerprint=saved.model.data.fingerprint,
            n=0,
            seed=saved.config.train.seed,
            held_out=0.0,
            flow=FLOW if isinstance(prior, FlowPrior) else None,
        )
        write_prior(folder, prior, facts)
    content = {
        "format": FORMAT,
        "estimator": name,
        "parameters": {key: _to_json(value) for key, value in saved.parameters.items()},
        "data_format": dataclasses.asdict(saved.data_format),
        "feature_names": saved.feature_names,
        "prior": kind,
        "fitted": saved.fitted,
    }
    write_atomic(run.estimator_path, to_json(content))
    return folder


def read_estimator(folder: Path, name: str) -> SavedEstimator:
    """Read an estimator of a class.

    Raises:
        UserError: The folder has no estimator (code "not-an-estimator"), it has one of another
            class (code "other-estimator"), or a file is damaged.
    """
    path = RunFiles(folder).estimator_path
    if not path.is_file():
        raise UserError(
            f"{folder} has no {path.name}: give a folder that `save` wrote.",
            code="not-an-estimator",
        )
    content = read_json(path, f"{path} is missing.")
    if content.get("estimator") != name:
        raise UserError(
            f"{folder} contains a {content.get('estimator')}, not a {name}: load it with its own "
            "class.",
            code="other-estimator",
        )
    run = Run(folder)
    with naming_damage(folder):
        kind = content["prior"]
        model = run.load(prior=kind or TRAINED)
        trained_prior = run.load(prior=TRAINED).prior if kind else None
        data_format = from_dict(DataFormat, content["data_format"], "data_format")
        numbers = data_format.num_features if data_format.is_table else 0
        if (
            data_format.model_shape != model.image_shape
            or math.prod(model.image_shape) != data_format.num_features
            or not len(data_format.mean) == len(data_format.scale) == numbers
        ):
            raise ValueError("its data_format does not fit the model")
        return SavedEstimator(
            model=model,
            config=run.config,
            parameters={key: _from_json(v) for key, v in content["parameters"].items()},
            data_format=data_format,
            feature_names=_as_tuple(content["feature_names"]),
            fitted=dict(content["fitted"]),
            trained_prior=trained_prior,
        )


@contextmanager
def naming_damage(folder: Path) -> Iterator[None]:
    """Name estimator.json in the errors that its values cause.

    Raises:
        UserError: Values are missing or have wrong types (code "damaged-file").
    """
    try:
        yield
    except UserError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{RunFiles(folder).estimator_path} is damaged "
            f"({' '.join(str(error).split())[:200]}): save the estimator again.",
            code="damaged-file",
        ) from None


def _to_json(value: object) -> object:
    """Return a parameter as a JSON value. The state of a random generator is not saved."""
    if isinstance(value, Config):
        return {"config": to_dict(value)}
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, tuple | list):
        return {"tuple": [_to_json(item) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: object) -> object:
    if isinstance(value, dict) and "config" in value:
        return from_dict(Config, upgrade_config(value["config"]))
    if isinstance(value, dict) and "tuple" in value:
        return tuple(_from_json(item) for item in value["tuple"])
    return value


def _as_tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
