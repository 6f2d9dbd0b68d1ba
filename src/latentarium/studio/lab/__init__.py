"""Small games that the page trains while it looks on."""
