"""Readers: one module for each file format, from files to arrays of images and labels."""
