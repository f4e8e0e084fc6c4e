"""What a sighting in a zone means: rules and law as data."""
