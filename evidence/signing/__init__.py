"""Keys, signatures and time."""
