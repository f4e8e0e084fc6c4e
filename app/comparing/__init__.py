"""Compares what two patrols saw of one place: which ground, with which pictures, what changed, on whose site."""
