"""Which cameras there are, and how one that is not listed is calibrated."""
