"""What happens when: orchestration only."""
