"""The customers' pages: one account each, reached by the signed link of a message."""
