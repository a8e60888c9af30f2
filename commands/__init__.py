"""What the command line does: a folder for each family of commands, whose `*_commands.py` declares them and imports
what each does when it is asked for. Here: what they share."""
