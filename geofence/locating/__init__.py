"""From a pixel to a point on the ground: rays, terrain, heights, and the error budget of each."""
