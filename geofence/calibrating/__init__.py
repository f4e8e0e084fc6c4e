"""What a flight says of its own biases: heading, pitch, height, clock."""
