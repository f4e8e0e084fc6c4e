"""The station's tables, step by step."""
