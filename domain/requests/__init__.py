"""What may be asked of a case or a plan, and the rules that refuse it."""
