"""Published protocols, run over seeds and compared with the published results."""
