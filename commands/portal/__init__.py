"""Customers' pages: their links, and what customers sent by them."""
