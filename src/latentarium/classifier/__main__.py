"""Train an evaluation classifier: `python -m latentarium.classifier --data SOURCE --out DIR`."""

from latentarium.classifier.training import main

main()
