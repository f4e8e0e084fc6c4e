"""When a patrol may fly: key periods, the sun, the moon, and the schedule of a season."""
