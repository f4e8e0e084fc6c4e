"""The vault: what came home, hashed before it was read, and never changed."""
