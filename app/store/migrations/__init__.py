"""The steps that bring a store file up to date."""
