"""A model's map: where the data lie in its latent space, and how far to trust the rest of it."""
