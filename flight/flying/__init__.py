"""A sortie in the air: the checklist before it, the monitors during it, the log of it."""
