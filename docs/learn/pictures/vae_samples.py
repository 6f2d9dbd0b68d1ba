"""Show samples from the Gaussian of the digit 7 and from one Gaussian for all digits."""

from shared import map_of, show_rows

latent_map = map_of("vae")
show_rows(
    {
        "N($\\mu_7$, $\\Sigma_7$)": latent_map.sample_class("7", 12, seed=0),
        "N($\\mu$, $\\Sigma$)": latent_map.decode(latent_map.gaussian_latents(12, seed=0)),
    }
)
