"""What is reached over HTTP from outside: delivery reports of providers."""
