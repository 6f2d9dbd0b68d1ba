"""Images drawn from models, and what is said of them."""
