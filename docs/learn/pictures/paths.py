"""Decode a straight path and a path along the data between two latents of the autoencoder."""

from shared import map_of, show_rows

latent_map = map_of("ae")
methods = ("linear", "data")
paths = {method: latent_map.interpolate("4,1.5", "-1,-4", 12, method) for method in methods}
show_rows({method: latent_map.decode(path) for method, path in paths.items()})
