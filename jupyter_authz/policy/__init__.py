"""The policy: what was written, checked and compiled, and the one engine that decides."""
