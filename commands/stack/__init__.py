"""The whole thing on this machine: the demo, the local stack, and what either stands on."""
