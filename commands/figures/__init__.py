"""What finance asks: the figures of a day, outcomes, two periods compared, the hold-out."""
