"""Configuration: frozen dataclasses that convert to JSON and back, validated on construction.

This package does not import torch, so that `--help` is quick. The text below each field gives its
meaning and unit. An invalid value raises a `UserError` that names the field, the value and the
allowed range.
"""

from latentarium.config.components import (
    ADVERSARIAL_LOSSES,
    NAMED_COMPONENTS,
    AdversarialLossConfig,
    ComponentConfig,
    LikelihoodConfig,
    NetConfig,
    ObjectiveConfig,
    PriorConfig,
    TrunkConfig,
    name_of,
    resolve,
)
from latentarium.config.family import ModelConfig
from latentarium.config.fields import (
    SettingField,
    change_settings,
    check_setting,
    list_settings,
    named_components,
)
from latentarium.config.limits import NOT_EMPTY, Range
from latentarium.config.models import (
    AutoencoderConfig,
    GANConfig,
    HierarchicalConfig,
    component_files,
)
from latentarium.config.objectives import FreeBitsConfig, ImportanceWeightedConfig
from latentarium.config.priors import FlowPriorConfig, MixturePriorConfig, VampPriorConfig
from latentarium.config.run import Config, DataCard, setting
from latentarium.config.serialization import (
    component_from_dict,
    flat,
    from_dict,
    read_fields,
    to_dict,
)
from latentarium.config.training import OptimizerConfig, TrainConfig
from latentarium.config.validation import Settings, require, require_seed

__all__ = [
    "ADVERSARIAL_LOSSES",
    "NAMED_COMPONENTS",
    "NOT_EMPTY",
    "AdversarialLossConfig",
    "AutoencoderConfig",
    "ComponentConfig",
    "Config",
    "DataCard",
    "FlowPriorConfig",
    "FreeBitsConfig",
    "GANConfig",
    "HierarchicalConfig",
    "ImportanceWeightedConfig",
    "LikelihoodConfig",
    "MixturePriorConfig",
    "ModelConfig",
    "NetConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "PriorConfig",
    "Range",
    "SettingField",
    "Settings",
    "TrainConfig",
    "TrunkConfig",
    "VampPriorConfig",
    "change_settings",
    "check_setting",
    "component_files",
    "component_from_dict",
    "flat",
    "from_dict",
    "list_settings",
    "name_of",
    "named_components",
    "read_fields",
    "require",
    "require_seed",
    "resolve",
    "setting",
    "to_dict",
]
