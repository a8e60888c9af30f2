"""Policies lived through in memory: what would be sent, in the past and in the days to come."""
