"""What collections achieve, in numbers: figures of a day, trend, outcomes, two periods side by side."""
