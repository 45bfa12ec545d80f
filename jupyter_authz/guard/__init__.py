"""The guard: stands before every handler and lets in whom the decision allows."""
