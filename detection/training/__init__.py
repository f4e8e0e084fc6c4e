"""Making weights: labelled sets, recipes, the trainer, and the gate that a new weight passes."""
