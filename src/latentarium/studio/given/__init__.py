"""An image that the page sends: where it lands, and what latent makes it."""
