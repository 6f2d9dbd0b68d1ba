"""What the page can ask for over HTTP, one module for each part of it."""
