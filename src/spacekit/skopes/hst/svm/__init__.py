"""The documented jobs of the SVM classifier: prep, predict, train, corrupt."""
