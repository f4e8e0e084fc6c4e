"""What tells one thing from two among the boxes of a frame, and over frames."""
