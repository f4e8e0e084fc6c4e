"""What thermal cameras saw: temperatures, or counts that can only be compared with one another, and hot spots."""
