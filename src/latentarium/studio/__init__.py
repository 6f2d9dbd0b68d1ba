"""The page: latent space to see and to touch. `api` knows no server, `server` no model."""
