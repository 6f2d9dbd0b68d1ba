"""The built-in sections of the evaluation report.

plane           modes and high-quality samples; 2-D mixtures only
samples         Fréchet and kernel distance, precision, recall, density, coverage
labels          adherence to labels, GAN-train, wrong labels; needs a classifier
reconstruction  squared error, PSNR, SSIM, distance in features; needs an encoder
likelihood      ELBO, rate, distortion, importance-weighted NLL; needs a likelihood
latent          gaps, neighbours, round trip, aggregate posterior; needs an encoder
game            duality gap, or optimality gap of a single player
memorization    copies of training images
"""
