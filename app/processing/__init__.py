"""The steps of one run over a folder of footage, and what it is asked to do."""
