"""Readers, which convert files to arrays of images and labels; one module per file format."""
