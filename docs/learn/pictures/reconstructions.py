"""Show test digits, their latents of two numbers, and their reconstructions."""

from shared import shipped, show_rows, test_images

images = test_images(*range(10))
model = shipped("ae")
z = model.encode(images).mean
show_rows(
    {"$x$": images, "$x^*$": model.reconstruct(images)},
    [f"{a:.1f}\n{b:.1f}" for a, b in z.tolist()],
)
