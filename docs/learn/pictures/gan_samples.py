"""Show samples of the GAN with the digits that the evaluation classifier assigns to them."""

from latentarium.classifier import classifier_for
from shared import mnist, shipped, show_rows

images = shipped("gan").sample(12, seed=0)
digits = classifier_for(mnist()).predict(images)
show_rows({"G(z)": images}, [str(int(digit)) for digit in digits])
