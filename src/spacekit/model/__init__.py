"""The ensemble: network, data set, training, the model file, inference."""
