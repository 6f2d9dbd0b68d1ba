"""The interface of a claim.

A claim is registered by name, and the tour measures every registered claim:

```python
@la.register("claim", "digits-are-bright")
class DigitsAreBright(Claim):
    systems = ("vae",)

    def measure(self, tour):
        value = float(tour.samples["vae"].mean())
        number = Measurement(name="Mean pixel of the VAE's samples", value=value, n=tour.n)
        return ClaimResult(
            title="The VAE's samples are bright",
            conditions=(Condition(number=number, relation=">=", threshold=-0.9),),
            ...
        )
```
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult


class Claim(ABC):
    """A statement about trained systems, with the numbers that decide whether it holds."""

    systems: ClassVar[tuple[str, ...]]
    """The trained systems that the claim needs: keys of `tour.systems.TRAINED`, or presets."""
    order: ClassVar[float] = 1000
    """The claims of a report are sorted by this number; it is 10, 20, ..., 110 for the built-in
    claims."""

    seconds: ClassVar[float] = 10
    """Seconds that one processor core needs for the measurement, for the estimate of the remaining
    time."""

    group: ClassVar[str] = ""
    """Claims of the same group share results that take long, so one process measures all of them;
    "": this claim shares none."""

    @abstractmethod
    def measure(self, tour: TourContext) -> ClaimResult:
        """Measure the claim.

        Arguments:
            tour: The trained systems, the data, and results that several claims share.

        Raises:
            UserError: The claim can't be measured with these systems and data.
        """
