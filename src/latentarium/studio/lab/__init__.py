"""The 2-D lab: three models that learn a distribution of the plane while the user watches."""

from latentarium.studio.lab.lab import Lab

__all__ = ["Lab"]
