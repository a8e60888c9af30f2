"""How customers pay: how likely late, on which day, and what money is expected when. Nothing here acts."""
