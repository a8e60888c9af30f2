"""Payments on the bank account: the lines of statements, and which invoices they are meant for."""
