"""Plot a game whose duality gap is known: gradient steps circle around the equilibrium."""

import matplotlib.pyplot as plt
import numpy as np

from shared import GREY

a, b, c, rate = 0.2, 1.0, 0.2, 0.05
points = [np.array([1.0, -1.0])]
for _ in range(600):
    x, y = points[-1]
    points.append(np.array([x - rate * (a * x + b * y), y - rate * (c * y - b * x)]))
x, y = np.array(points).T
loss = a / 2 * x**2 + b * x * y
gap = (a / 2 + b**2 / (2 * c)) * x**2 + (c / 2 + b**2 / (2 * a)) * y**2

figure, (plane, curves) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1, 1.5])
plane.plot(x, y, lw=1)
plane.plot(0, 0, "o", color=GREY)
plane.set_xlabel("x")
plane.set_ylabel("y", rotation=0)
plane.set_aspect("equal")
curves.plot(gap, label="duality gap")
curves.plot(loss, label="$L_1$")
curves.set_xlabel("step")
curves.legend()
