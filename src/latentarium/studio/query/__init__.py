"""Images that users supply: decode, encode, invert."""
