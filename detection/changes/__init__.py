"""What changed on the ground between two patrols of one place."""
