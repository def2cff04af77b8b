"""Metrics, curves and plots of a trained model."""
