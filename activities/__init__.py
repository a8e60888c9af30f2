"""What touches the world. Here: cases under their customer's lock, messages from reservation to sending, accounts,
tasks, credit; in the folders: words, paper, reports, what comes in, and one file per provider."""
