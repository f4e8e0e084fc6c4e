"""Makes the pictures and clips of a package fit to leave the bureau: detectors look, a person may add regions."""
