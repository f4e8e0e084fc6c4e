"""Hazards that live over patrols: opened, seen again, gone, back; and where to look again."""
