"""The interface of a section of the evaluation report.

A section is registered by name, and `evaluate` runs every registered section that applies:

```python
@la.register("section", "brightness")
class Brightness(la.Section):
    def measure(self, context):
        value = float(context.samples.mean())
        return {"brightness": Measurement(name="Mean pixel", value=value, n=context.n)}
```
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.toy import MIXTURES, Mixture2D
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason
from latentarium.models.base import LatentModel
from latentarium.stats.measurement import Measurement


class Section(ABC):
    """A group of measurements that apply to the same models and data."""

    order: ClassVar[float] = 1000
    """The position in the report; sections are sorted by it."""

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        """Return whether the section can measure this model with these data.

        By default it applies to every model of images, but not of 2-D points.

        Arguments:
            model: The model, of which only the capabilities matter.
            data: The real images.
            classifier: A classifier of the real images; None if there is none.
        """
        return known_mixture(data) is None

    def unmeasurable(self, plan: Plan) -> Mapping[str, Reason | str]:
        """Return the quantities that can't be measured, with the reasons, by name; a reason may be
        a sentence.

        It is called before anything is computed, also for models and data to which the section
        does not apply. By default there are none.

        Arguments:
            plan: The model, the data and their sizes.
        """
        return {}

    @abstractmethod
    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        """Return the measurements by key; the key of a quantity is the same for every model.

        Results that are more than one number go to `context.tables`. Quantities that are already
        in `context.left_out` are skipped, and others that turn out to be unmeasurable are added to
        it, with the reason.

        Raises:
            UserError: The section can't be measured. The report then names it in `left_out`.
        """


def known_mixture(data: Data) -> Mixture2D | None:
    """Return the Gaussian mixture that 2-D points were drawn from; None for images."""
    make = MIXTURES.get(data.card.source)
    return None if make is None else make()
