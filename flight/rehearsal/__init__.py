"""Rehearsal: a simulated vehicle and a rendered world, spoken to by the same protocols and files as the real ones."""
