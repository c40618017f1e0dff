"""Pose estimators and identity tracking."""
