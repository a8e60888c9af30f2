"""What staff look at day by day: the worklist, mail that came in, cases, letters to be printed."""
