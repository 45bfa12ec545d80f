"""The record of decisions."""
