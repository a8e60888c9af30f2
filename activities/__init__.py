"""What touches the world: drafting, documents, delivery, accounts, tasks, credit, reporting."""
