"""Copies that leave the bureau: redacted and marked."""
