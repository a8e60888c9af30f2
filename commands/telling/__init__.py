"""Telling a case something: the facts of an invoice by signal, requests by update."""
