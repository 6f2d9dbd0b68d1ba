"""scikit-learn estimators: encode, detect anomalies, generate.

They work in pipelines and grid searches, on tables and on images:

    from latentarium.estimators import LatentEncoder

    pipeline = make_pipeline(LatentEncoder(latent_dim=8), LogisticRegression())
"""

from latentarium.estimators.anomaly import AnomalyDetector
from latentarium.estimators.encoder import LatentEncoder
from latentarium.estimators.generator import ImageGenerator

__all__ = ["AnomalyDetector", "ImageGenerator", "LatentEncoder"]
