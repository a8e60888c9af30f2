"""What a policy does: what it says, will send, and would have sent."""
