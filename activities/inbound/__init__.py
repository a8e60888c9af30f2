"""What comes in from outside: customers' mail, its reading by a model, and the news about customers."""
