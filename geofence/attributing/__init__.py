"""Whose site: probability over sites and zones, with its reasons."""
