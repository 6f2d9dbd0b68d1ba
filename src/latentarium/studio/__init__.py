"""The page, on which the latent space can be seen and touched, and the server behind it."""
