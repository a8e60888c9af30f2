"""What a message may say: its facts, the law of a place, drafts and the guard before them, and what answers mean."""
